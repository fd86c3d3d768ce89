"""The machines' tier: what nodes send, what is analysed, what people's screens read."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from signalcraft import metrics
from signalcraft.api.access import init_access, rule_of
from signalcraft.api.answer_headers import init_answer_headers
from signalcraft.api.behind_proxy import BehindOurProxy
from signalcraft.api.blueprints import (
    ai,
    clips,
    dashboard,
    device_keys,
    devices,
    esp32,
    firmware,
    firmware_nodes,
    fleet,
    health,
    iot,
    iot_reads,
    learning,
    machines,
    nodes,
    series,
    thresholds,
)
from signalcraft.api.bodies import BoundedRequest
from signalcraft.api.limits import init_quotas, init_workload
from signalcraft.api.problems import init_problems, raise_validation_error
from signalcraft.api.queries import describe_once, init_queries, openapi_path
from signalcraft.api.request_ids import init_request_ids
from signalcraft.observability.exposition import WsgiMetrics
from signalcraft.observability.requests import WsgiRequests
from signalcraft.observability.sentry import start_sentry
from signalcraft.openapi_errors import Caller, Problem, describe_errors
from signalcraft.queue import make_celery
from signalcraft.settings import Settings, get_settings

BLUEPRINTS = (
    health.blueprint,
    esp32.blueprint,
    ai.blueprint,
    iot.blueprint,
    iot_reads.blueprint,
    fleet.blueprint,
    device_keys.blueprint,
    dashboard.blueprint,
    machines.blueprint,
    clips.blueprint,
    learning.blueprint,
    series.blueprint,
    devices.blueprint,
    nodes.blueprint,
    thresholds.blueprint,
    firmware.blueprint,
    firmware_nodes.blueprint,
)


class Api(OpenAPI):
    """The Flask application with our request class."""

    request_class = BoundedRequest

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        """Register a blueprint; two blueprints may each describe some methods of one path."""
        earlier = dict(self.paths)
        super().register_api(api, **options)
        for path in earlier.keys() & api.paths.keys():
            for method in earlier[path].model_fields_set - self.paths[path].model_fields_set:
                setattr(self.paths[path], method, getattr(earlier[path], method))

    def generate_spec_json(self) -> None:
        """Make the OpenAPI document, with what every operation may refuse."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]  # flask-openapi3's
        callers: dict[tuple[str, str], Caller] = {
            (openapi_path(rule), method): mark.caller
            for rule in self.url_map.iter_rules()
            if (mark := rule_of(self.view_functions[rule.endpoint])) is not None
            for method in rule.methods or ()
        }
        describe_errors(self.spec_json, lambda path, method: callers[path, method])


def create_app(settings: Settings | None = None) -> Api:
    """The WSGI application; `settings` default to those of the process."""
    settings = settings or get_settings()
    start_sentry(settings, "api")
    metrics.RELEASE.labels(settings.release, settings.colour).set(1)
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
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Korean as Korean, a third of the bytes
    if settings.sentry_dsn is not None:
        app.wsgi_app = WsgiRequests(  # type: ignore[method-assign]
            app.wsgi_app, traced_share=settings.traces_sample_rate
        )
    app.wsgi_app = WsgiMetrics(BehindOurProxy(app.wsgi_app))  # type: ignore[method-assign]
    init_request_ids(app)
    init_answer_headers(app, settings)
    init_problems(app)
    init_workload(app)
    init_access(app)
    init_quotas(app)
    for blueprint in BLUEPRINTS:
        app.register_api(blueprint)
    init_queries(app, app.api_doc)
    describe_once(app)
    return app
