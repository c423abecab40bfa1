from django.urls import path

from strategies import views

app_name = "strategies"

urlpatterns = [
    path("deployments/", views.deployments, name="deployments"),
    path("deployments/<int:pk>/<slug:verb>/", views.control, name="control"),
    path("switches/", views.switches, name="switches"),
    path("switches/kill/", views.firm_kill, name="firm_kill"),
    path("switches/<int:pk>/reset/", views.switch_reset, name="switch_reset"),
]
