from django.urls import path

from strategies.views import catalog, controls

app_name = "strategies"

urlpatterns = [
    path("deployments/", controls.deployments, name="deployments"),
    path("deployments/<int:pk>/<slug:verb>/", controls.control, name="control"),
    path("switches/", controls.switches, name="switches"),
    path("switches/kill/", controls.firm_kill, name="firm_kill"),
    path("switches/<int:pk>/reset/", controls.switch_reset, name="switch_reset"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<str:component_id>/", catalog.component, name="component"),
]
