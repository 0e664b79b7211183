"""Writes botocore.json: requests as botocore's clients and signers put them on
the wire, at a fixed time. Run it where botocore is installed:

    python3 make_botocore_json.py > botocore.json
"""

import datetime
import json
import sys
from urllib.parse import urlsplit

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

AT = datetime.datetime(2026, 5, 17, 10, 20, 30, tzinfo=datetime.timezone.utc)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEBYaD/+=IexampleTOKEN//////////" * 4

botocore.auth.get_current_datetime = lambda *a, **k: AT

vectors = []


# Not signed, and different each time.
DROPPED = {"user-agent", "amz-sdk-invocation-id"}


def keep(name, request, token):
    """Keeps a request as it goes over the wire."""
    parts = urlsplit(request.url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    lines = [f"{request.method} {target} HTTP/1.1"]
    headers = [
        (k, v.decode() if isinstance(v, bytes) else str(v))
        for k, v in request.headers.items() if k.lower() not in DROPPED
    ]
    names = [k.lower() for k, _ in headers]
    if "host" not in names:
        default = {"http": 80, "https": 443}[parts.scheme]  # which the HTTP client leaves out
        lines.append("Host: " + parts.netloc.removesuffix(f":{default}"))
    if "content-length" not in names:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{k}: {v}" for k, v in headers]
    vectors.append({
        "name": name,
        "token": token or "",
        "request": "\r\n".join(lines) + "\r\n\r\n" + body.decode(),
    })


def client(service, token=None, endpoint="http://127.0.0.1:7930"):
    return botocore.session.Session().create_client(
        service, region_name="eu-west-1", endpoint_url=endpoint,
        aws_access_key_id=KEY, aws_secret_access_key=SECRET, aws_session_token=token,
        config=Config(parameter_validation=True, retries={"max_attempts": 0}),
    )


class Sent(Exception):
    pass


def call(name, c, operation, token=None, **arguments):
    """Keeps the request of a client's call, which is not sent."""
    def hook(request, **_):
        keep(name, request, token)
        raise Sent
    c.meta.events.register("before-send", hook)
    try:
        getattr(c, operation)(**arguments)
    except Sent:
        pass


def sign(name, method, url, headers=(), body=b"", token=None, expires=None, context=None):
    """Keeps a request that botocore's signer alone has signed."""
    request = AWSRequest(method=method, url=url, data=body)
    for k, v in headers:
        request.headers.add_header(k, v)
    request.context.update(context or {})
    credentials = Credentials(KEY, SECRET, token)
    if expires is None:
        botocore.auth.SigV4Auth(credentials, "swf", "us-east-1").add_auth(request)
    else:
        botocore.auth.SigV4QueryAuth(credentials, "swf", "us-east-1", expires=expires).add_auth(request)
    keep(name, request, token)


call("swf list domains", client("swf"), "list_domains", registrationStatus="REGISTERED")
call("swf start", client("swf", TOKEN), "start_workflow_execution", TOKEN,
     domain="größe 漢字", workflowId="w 1", workflowType={"name": "n", "version": "1"}, input='{"a": "\u2028"}')
call("swf default port", client("swf", endpoint="http://heddle.example"), "poll_for_decision_task",
     domain="d", taskList={"name": "l"})
call("swf https default port", client("swf", endpoint="https://heddle.example:443"), "list_domains",
     registrationStatus="REGISTERED")
call("sts form", client("sts"), "get_caller_identity")
call("sts form with token", client("sts", TOKEN), "assume_role", TOKEN,
     RoleArn="arn:aws:iam::123456789012:role/a b", RoleSessionName="session")
call("states", client("stepfunctions"), "list_state_machines")

url = client("sts", TOKEN).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
keep("sts presigned", AWSRequest(method="GET", url=url), TOKEN)

host = "http://example.amazonaws.com"
sign("folded values", "POST", host + "/", [("My-Header", "  a   b\tc  "), ("My-Header", "second"), ("X-Amz-Target", "A.B")], b"{}")
sign("odd header names", "GET", host + "/", [("a-b", "1"), ("a", "2"), ("a.b", "3"), ("a_b", "4"), ("ab", "5")])
sign("path", "GET", host + "/a%20b//c%2Fd/../e~f/*+,;=:@%E6%BC%A2/")
sign("query", "GET", host + "/?b=2&a=%20%2F&a=1&A=0&a-b=3&a%25=4&flag&e=&tilde=~&p=%2B&c%3B=%3D%26")
sign("query order after escaping", "GET", host + "/?k=a%2Fb&k=a-b&k=a&k1=x&k-=y&k.=z")
sign("payload hash given", "POST", host + "/",
     [("X-Amz-Content-SHA256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")], b"{}")
sign("date header", "GET", host + "/", [("Date", "ignored")])
sign("presigned", "GET", host + "/p%20q/?Action=List&Path=%2Fa%20b", expires=300)
sign("presigned with headers", "POST", host + "/", [("X-Amz-Target", "A.B"), ("Content-Type", "application/x-amz-json-1.0")],
     token=TOKEN, expires=300)
sign("host with port", "GET", "http://[::1]:7930/")

json.dump({"at": AT.strftime("%Y%m%dT%H%M%SZ"), "key": KEY, "secret": SECRET, "vectors": vectors},
          sys.stdout, indent=1, ensure_ascii=True)
print()
