from django.urls import path

from monitoring.views import deployments, desk, mandates, panels, portal, prediction, replays, reports, series

app_name = "monitoring"

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("desk/events/", desk.desk_events, name="desk_events"),
    path("desk/kpis.json", desk.desk_kpis, name="desk_kpis"),
    path("desk/spreads.json", desk.desk_spreads, name="desk_spreads"),
    path("mandates/", mandates.mandates, name="mandates"),
    path("mandates/<slug:slug>/", mandates.mandate, name="mandate"),
    path("mandates/<slug:slug>/kpis/", mandates.mandate_kpis, name="mandate_kpis"),
    path("deployments/<int:pk>/", deployments.deployment, name="deployment"),
    path("deployments/<int:pk>/series.json", series.series, name="series"),
    path("deployments/<int:pk>/fills/", panels.deployment_fills, name="deployment_fills"),
    path("deployments/<int:pk>/orders/", panels.deployment_orders, name="deployment_orders"),
    path("deployments/<int:pk>/events/", panels.deployment_events, name="deployment_events"),
    path("deployments/<int:pk>/measurements/", panels.deployment_measurements, name="deployment_measurements"),
    path("deployments/<int:pk>/sessions/", reports.deployment_sessions, name="deployment_sessions"),
    path("deployments/<int:pk>/report/", reports.deployment_report, name="deployment_report"),
    path("deployments/<int:pk>/report/<int:report>/", reports.stored_report, name="stored_report"),
    path("strategies/<int:pk>/prediction/", prediction.draft, name="prediction"),
    path("strategies/<int:pk>/r<int:number>/prediction/", prediction.revision, name="revision_prediction"),
    path("replays/", replays.replays, name="replays"),
    path("replays/<int:pk>/", replays.replay, name="replay"),
    path("replays/<int:pk>/report/", replays.report, name="replay_report"),
    path("portal/", portal.portal, name="portal"),
    path("portal/uptime.json", portal.portal_uptime, name="portal_uptime"),
    path("portal/spreads.json", portal.portal_spreads, name="portal_spreads"),
    path("portal/<slug:slug>/", portal.portal_mandate, name="portal_mandate"),
    path("portal/<slug:slug>/kpis/", portal.portal_kpis, name="portal_kpis"),
]
