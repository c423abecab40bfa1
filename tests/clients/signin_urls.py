"""The sign-in link's address alone."""

from django.urls import include, path

urlpatterns = [
    path(
        "",
        include(([path("signin/<uuid:pk>/<str:secret>/", lambda request: None, name="signin_link")], "clients")),
    )
]
