from django.urls import path

from strategies.views import catalog, controls, drafts, drills, evidence, kills, revisions, rollouts, shelf, strategies

app_name = "strategies"

urlpatterns = [
    path("deployments/", controls.deployments, name="deployments"),
    path("deployments/<int:pk>/<slug:verb>/", controls.control, name="control"),
    path("accounts/<int:pk>/deployments/", controls.account_deployments, name="account_deployments"),
    path("strategies/", strategies.strategies, name="strategies"),
    path("strategies/new/", strategies.begin, name="begin"),
    path("strategies/templates/", shelf.templates, name="templates"),
    path("strategies/templates/<int:pk>/remove/", shelf.remove, name="template_remove"),
    path("strategies/<int:pk>/keep/", shelf.keep, name="keep"),
    path("strategies/<int:pk>/", drafts.builder, name="builder"),
    path("strategies/<int:pk>/edit/", drafts.edit, name="edit"),
    path("strategies/<int:pk>/pulse/", drafts.pulse, name="pulse"),
    path("strategies/<int:pk>/export/", drafts.export, name="export"),
    path("strategies/<int:pk>/review/", revisions.review, name="review"),
    path("strategies/<int:pk>/r<int:number>/", revisions.revision, name="revision"),
    path("strategies/<int:pk>/r<int:number>/deploy/", revisions.deploy, name="deploy"),
    path("strategies/<int:pk>/r<int:number>/switch/<int:deployment>/", revisions.switch, name="switch"),
    path("strategies/<int:pk>/r<int:number>/rollout/", rollouts.begin, name="rollout_begin"),
    path("strategies/<int:pk>/rollouts/<int:rollout_id>/", rollouts.rollout, name="rollout"),
    path("strategies/<int:pk>/rollouts/<int:rollout_id>/<slug:verb>/", rollouts.decide, name="rollout_decide"),
    path("strategies/<int:pk>/r<int:number>/<slug:verb>/", revisions.decide, name="decide"),
    path("switches/", kills.switches, name="switches"),
    path("switches/kill/", kills.firm_kill, name="firm_kill"),
    path("switches/kill/<slug:kind>/<int:pk>/", kills.scope_kill, name="scope_kill"),
    path("switches/drills/", drills.drills, name="drills"),
    path("switches/drills/<int:pk>/end/", drills.end_plan, name="drill_plan_end"),
    path("switches/<int:pk>/reset/", kills.switch_reset, name="switch_reset"),
    path("switches/<int:pk>/accounts/", evidence.accounts, name="accounts_proof"),
    path("switches/<int:pk>/evidence/", evidence.evidence, name="evidence"),
    path("switches/<int:pk>/again/", evidence.clear_again, name="clear_again"),
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<str:component_id>/", catalog.component, name="component"),
]
