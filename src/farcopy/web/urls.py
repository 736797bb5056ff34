"""Where each address leads."""

from django.urls import path

from farcopy.web import openapi, pages
from farcopy.web.api import api

urlpatterns = [
    path("", pages.index),
    path("healthz", pages.healthz),
    path("api/openapi.json", openapi.show),
    path("api/", api.urls),
]
handler404 = pages.not_found
handler500 = pages.server_error
