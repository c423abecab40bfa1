from django.urls import path

from exchanges.views import accounts, opening, venues

app_name = "exchanges"

urlpatterns = [
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/new/", accounts.account_new, name="account_new"),
    path("accounts/<int:pk>/", accounts.account, name="account"),
    path("accounts/<int:pk>/credentials/", accounts.credentials, name="credentials"),
    path("accounts/<int:pk>/credentials/remove/", accounts.remove, name="credentials_remove"),
    path("mandates/new/", opening.mandate_new, name="mandate_new"),
    path("venues/", venues.venues, name="venues"),
    path("venues/<slug:slug>/", venues.venue, name="venue"),
    path("venues/<slug:slug>/sync/", venues.sync, name="venue_sync"),
    path("venues/<slug:slug>/follow/", venues.follow, name="venue_follow"),
    path("accounts/<int:pk>/check/", accounts.check, name="account_check"),
]
