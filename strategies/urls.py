from django.urls import path

from strategies.views import catalog, controls, kills

app_name = "strategies"

urlpatterns = [
    path("deployments/", controls.deployments, name="deployments"),
    path("deployments/<int:pk>/<slug:verb>/", controls.control, name="control"),
    path("accounts/<int:pk>/deployments/", controls.account_deployments, name="account_deployments"),
    path("switches/", kills.switches, name="switches"),
    path("switches/kill/", kills.firm_kill, name="firm_kill"),
    path("switches/kill/<slug:kind>/<int:pk>/", kills.scope_kill, name="scope_kill"),
    path("switches/<int:pk>/reset/", kills.switch_reset, name="switch_reset"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<str:component_id>/", catalog.component, name="component"),
]
