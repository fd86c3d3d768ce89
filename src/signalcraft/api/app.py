"""The machines' tier: what nodes send, what is analysed, what people's screens read."""

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from signalcraft.api.access import init_access
from signalcraft.api.blueprints import clips, dashboard, health, machines
from signalcraft.api.bodies import BoundedRequest
from signalcraft.api.problems import Problem, init_problems, raise_validation_error
from signalcraft.api.request_ids import init_request_ids
from signalcraft.observability.sentry import start_sentry
from signalcraft.queue import make_celery
from signalcraft.settings import Settings, get_settings

BLUEPRINTS = (health.blueprint, dashboard.blueprint, machines.blueprint, clips.blueprint)


class Api(OpenAPI):
    """The Flask application with our request class."""

    request_class = BoundedRequest


def create_app(settings: Settings | None = None) -> Api:
    """The WSGI application; `settings` default to those of the process."""
    settings = settings or get_settings()
    start_sentry(settings, "api")
    make_celery(settings)
    app = Api(
        "signalcraft.api",
        info=Info(title="SignalCraft: machines", version=settings.release),
        doc_ui=False,
        validation_error_model=Problem,
        validation_error_callback=raise_validation_error,
        static_folder=None,
    )
    app.config["SETTINGS"] = settings
    # JSON is the default body; views that take sound raise the limit for themselves.
    app.config["MAX_CONTENT_LENGTH"] = settings.json_limit_bytes
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Korean as Korean, a third of the bytes
    # The proxy is the only thing in front of us; it overwrites these headers.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    init_request_ids(app)
    init_problems(app)
    init_access(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    return app
