from django.urls import path

from clients import views

app_name = "clients"

urlpatterns = [
    path("signin/", views.SignIn.as_view(), name="signin"),
    path("signin/<uuid:pk>/<str:secret>/", views.signin_link, name="signin_link"),
    path("roles/", views.roles, name="roles"),
    path("signout/", views.signout, name="signout"),
]
