"""Requests that somebody has tampered with, between boto3 and the server, and keys
that are not what they should be.
"""

import datetime
import unittest
import unittest.mock
import urllib.error
import urllib.request

import botocore.auth

import people
from people import Person, allow


class Tampered(people.Access):
    def test_tampered(self):
        def header(name, change):
            def apply(request):
                value = request.headers[name]
                value = change(value.decode() if isinstance(value, bytes) else value)
                del request.headers[name]
                if value is not None:
                    request.headers[name] = value
            return apply

        def body(request):
            text = request.body.encode() if isinstance(request.body, str) else request.body
            request.body = text.replace(b"REGISTERED", b"DEPRECATED").replace(b"ListUsers", b"ListRoles")  # as long

        def query(request):
            request.url += "?x=1"

        def extra(request):
            request.headers["X-Amz-Extra"] = "1"

        mismatch = ("InvalidSignatureException", "SignatureDoesNotMatch", 403)
        unknown = ("UnrecognizedClientException", "InvalidClientTokenId", 403)
        incomplete = ("IncompleteSignatureException", "IncompleteSignature", 400)
        for change, fault in (
            (header("Authorization", lambda _: None), ("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403)),
            (header("Authorization", lambda v: v[:-1] + ("0" if v[-1] != "0" else "1")), mismatch),
            (header("Authorization", lambda v: v.split("Signature=")[0]), incomplete),
            (header("Authorization", lambda v: v.replace("us-east-1", "eu-west-1")), mismatch),
            (header("Authorization", lambda v: v.replace("Credential=A", "Credential=B")), unknown),
            (header("X-Amz-Date", lambda v: v[:-2] + ("0Z" if v[-2] != "0" else "1Z")), mismatch),
            (header("Content-Type", lambda v: v + "; x=y"), mismatch),
            (query, mismatch), (extra, mismatch), (body, mismatch),
        ):
            person = self.person(allow("*"))

            def send(request, **_):
                change(request)
            for client in (person.swf, person.iam):
                client.meta.events.register("before-send", send)
            self.refused(person.swf.list_domains, registrationStatus="REGISTERED", code=fault[0])
            self.refused(person.iam.list_users, code=fault[1], status=fault[2])

    def test_wrong_keys_and_clocks(self):
        key = self.key(self.person(allow("*")).name)
        wrong = self.login({**key, "SecretAccessKey": key["SecretAccessKey"][::-1]})
        self.refused(wrong.swf.list_domains, registrationStatus="REGISTERED", code="InvalidSignatureException")
        self.refused(wrong.iam.list_users, code="SignatureDoesNotMatch")
        token = self.login(key).sts.get_session_token()["Credentials"]
        for token in ({**token, "SessionToken": ""}, {**token, "SessionToken": token["SessionToken"] + "A"}, {**key, "SessionToken": token["SessionToken"]}):
            self.refused(Person.temporary(token).swf.list_domains, registrationStatus="REGISTERED", code="UnrecognizedClientException")
            self.refused(Person.temporary(token).sts.get_caller_identity, code="InvalidClientTokenId")
        if not hasattr(botocore.auth, "get_current_datetime"):
            return  # old versions have no clock that could be put back
        for minutes, text in ((-20, "Signature expired"), (20, "Signature not yet current")):
            at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
            with unittest.mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: at):
                ann = self.login(key)
                self.assertIn(text, self.refused(ann.swf.list_domains, registrationStatus="REGISTERED", code="InvalidSignatureException"))
                self.assertIn(text, self.refused(ann.iam.list_users, code="SignatureDoesNotMatch"))

    def test_presigned(self):
        ann = self.person()

        def get(url):
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as e:
                return e.code, e.read().decode()
        url = ann.sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        status, text = get(url)
        self.assertEqual((status, ann.arn in text), (200, True), text)
        for bad in (url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), url + "&x=1", url.replace("GetCallerIdentity", "GetSessionToken")):
            self.assertNotEqual(bad, url)
            status, text = get(bad)
            self.assertEqual((status, "SignatureDoesNotMatch" in text), (403, True), text)


if __name__ == "__main__":
    unittest.main()
