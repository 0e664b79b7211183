"""Access control as its users meet it, with unmodified boto3: an administrator makes
users, groups, roles and policies, and they may do what their policies say, from the
next request on.
"""

import contextlib
import datetime
import json
import os
import tempfile
import unittest
import unittest.mock

import boto3

import people
from people import ACCOUNT, FULL_ACCESS, ORDER, PACK, Person, allow, deny, domain, policy, role_arn, trust

EPOCH = {"startTimeFilter": {"oldestDate": datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)}}
NOW = datetime.datetime.now(datetime.timezone.utc)


class Policies(people.Access):
    # People and their keys.

    def test_users_and_keys(self):
        iam, name = self.root.iam, self.unused("user")
        user = iam.create_user(UserName=name, Path="/staff/", Tags=[{"Key": "team", "Value": "red"}])["User"]
        self.assertEqual(user["Arn"], f"arn:aws:iam::{ACCOUNT}:user/staff/{name}")
        self.assertEqual(iam.get_user(UserName=name)["User"]["Tags"], [{"Key": "team", "Value": "red"}])
        self.refused(iam.create_user, UserName=name.upper(), code="EntityAlreadyExists", status=409)
        self.refused(iam.get_user, UserName=name.upper(), code="NoSuchEntity", status=404)
        self.assertIn(name, [u["UserName"] for p in iam.get_paginator("list_users").paginate(PathPrefix="/staff/", PaginationConfig={"PageSize": 1}) for u in p["Users"]])
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(allow("*")))

        first = self.key(name)
        self.assertEqual(iam.get_access_key_last_used(AccessKeyId=first["AccessKeyId"])["AccessKeyLastUsed"], {"ServiceName": "N/A", "Region": "N/A"})
        old = self.login(first)
        self.assertEqual(old.arn, user["Arn"])
        old.swf.list_domains(registrationStatus="REGISTERED")
        last = iam.get_access_key_last_used(AccessKeyId=first["AccessKeyId"])
        self.assertEqual((last["UserName"], last["AccessKeyLastUsed"]["ServiceName"], last["AccessKeyLastUsed"]["Region"]), (name, "swf", "us-east-1"))
        self.assertLess(abs(last["AccessKeyLastUsed"]["LastUsedDate"] - datetime.datetime.now(datetime.timezone.utc)), datetime.timedelta(minutes=1))

        # To rotate: a second key, the first put aside, back again, away.
        second = self.key(name)
        self.refused(iam.create_access_key, UserName=name, code="LimitExceeded", status=409)
        new = self.login(second)
        self.assertEqual({k["AccessKeyId"] for k in new.iam.list_access_keys()["AccessKeyMetadata"]}, {first["AccessKeyId"], second["AccessKeyId"]})
        new.iam.update_access_key(AccessKeyId=first["AccessKeyId"], Status="Inactive")
        self.refused(old.swf.list_domains, registrationStatus="REGISTERED", code="UnrecognizedClientException")
        self.refused(old.sts.get_caller_identity, code="InvalidClientTokenId")
        self.assertEqual({k["AccessKeyId"]: k["Status"] for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]},
                         {first["AccessKeyId"]: "Inactive", second["AccessKeyId"]: "Active"})
        new.iam.update_access_key(AccessKeyId=first["AccessKeyId"], Status="Active")
        old.swf.list_domains(registrationStatus="REGISTERED")
        new.iam.delete_access_key(AccessKeyId=first["AccessKeyId"])
        self.refused(old.swf.list_domains, registrationStatus="REGISTERED", code="UnrecognizedClientException")

        self.refused(iam.delete_user, UserName=name, code="DeleteConflict", status=409)
        iam.delete_access_key(UserName=name, AccessKeyId=second["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="own")
        iam.delete_user(UserName=name)
        self.refused(new.sts.get_caller_identity, code="InvalidClientTokenId")
        self.refused(iam.get_user, UserName=name, code="NoSuchEntity", status=404)

    def test_nothing_is_allowed_at_first(self):
        ann = self.person()
        message = self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")
        self.assertEqual(message, f"User: arn:aws:iam::{ACCOUNT}:user/{ann.name} is not authorized to perform: swf:ListDomains on resource: "
                         f"arn:aws:swf:us-east-1:{ACCOUNT}:/domain/* because no identity-based policy allows the swf:ListDomains action")
        self.refused(ann.iam.list_users)
        self.refused(ann.iam.create_access_key)
        self.assertTrue(ann.arn.endswith(ann.name))  # this everybody may ask

    def test_groups(self):
        iam, ann, group = self.root.iam, self.person(), self.unused("group")
        iam.create_group(GroupName=group)
        iam.put_group_policy(GroupName=group, PolicyName="read", PolicyDocument=policy(allow(["swf:List*", "swf:Describe*"])))
        self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")
        iam.add_user_to_group(GroupName=group, UserName=ann.name)
        ann.swf.list_domains(registrationStatus="REGISTERED")
        self.assertEqual([u["UserName"] for u in iam.get_group(GroupName=group)["Users"]], [ann.name])
        self.assertEqual([g["GroupName"] for g in iam.list_groups_for_user(UserName=ann.name)["Groups"]], [group])
        iam.put_user_policy(UserName=ann.name, PolicyName="no", PolicyDocument=policy(deny("swf:ListDomains")))
        self.assertIn("explicit deny in an identity-based policy", self.refused(ann.swf.list_domains, registrationStatus="REGISTERED"))
        ann.swf.describe_domain(name="department1")
        iam.remove_user_from_group(GroupName=group, UserName=ann.name)
        self.refused(ann.swf.describe_domain, name="department1")
        iam.delete_group_policy(GroupName=group, PolicyName="read")
        iam.delete_group(GroupName=group)

    def test_managed_policies(self):
        iam, ann = self.root.iam, self.person()
        arn = iam.create_policy(PolicyName=self.unused("policy"), PolicyDocument=policy(allow("swf:ListDomains")), Description="lists")["Policy"]["Arn"]
        iam.attach_user_policy(UserName=ann.name, PolicyArn=arn)
        ann.swf.list_domains(registrationStatus="REGISTERED")
        self.refused(ann.swf.describe_domain, name="department1")
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("swf:DescribeDomain")), SetAsDefault=True)
        ann.swf.describe_domain(name="department1")
        self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        ann.swf.list_domains(registrationStatus="REGISTERED")
        self.assertEqual(iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"]["Statement"][0]["Action"], "swf:DescribeDomain")
        self.assertEqual([u["UserName"] for u in iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"]], [ann.name])
        self.refused(iam.delete_policy, PolicyArn=arn, code="DeleteConflict", status=409)
        iam.detach_user_policy(UserName=ann.name, PolicyArn=arn)
        self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")
        iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
        iam.delete_policy(PolicyArn=arn)

        iam.attach_user_policy(UserName=ann.name, PolicyArn=FULL_ACCESS)
        ann.swf.list_domains(registrationStatus="REGISTERED")
        self.start(ann)
        self.refused(ann.iam.list_users)
        self.assertIn(FULL_ACCESS, [p["Arn"] for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for p in page["Policies"]])
        self.refused(iam.delete_policy, PolicyArn=FULL_ACCESS, code="InvalidInput", status=400)
        self.refused(iam.attach_user_policy, UserName=ann.name, PolicyArn=FULL_ACCESS + "2", code="NoSuchEntity", status=404)

    def test_boundary(self):
        ann = self.person(allow("*"), PermissionsBoundary=FULL_ACCESS)
        ann.swf.list_domains(registrationStatus="REGISTERED")
        self.assertIn("no permissions boundary allows", self.refused(ann.iam.list_users))
        self.refused(ann.iam.delete_user_permissions_boundary, UserName=ann.name)
        self.assertEqual(self.root.iam.get_user(UserName=ann.name)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], FULL_ACCESS)
        self.root.iam.delete_user_permissions_boundary(UserName=ann.name)
        ann.iam.list_users()

    # Roles and sessions.

    def test_roles(self):
        ann, bob = self.person(), self.person(allow("sts:AssumeRole"))
        role = self.role({"AWS": ann.arn}, allow("swf:*"))
        self.refused(bob.sts.assume_role, RoleArn=role_arn(role), RoleSessionName="bob")
        answer = ann.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="ann", DurationSeconds=900)
        self.assertLess(abs(answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=15)), datetime.timedelta(minutes=1))
        session = Person.temporary(answer["Credentials"])
        self.assertEqual(session.arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/ann")
        self.assertEqual(answer["AssumedRoleUser"]["Arn"], session.arn)
        session.swf.list_domains(registrationStatus="REGISTERED")
        self.refused(session.iam.list_users)
        self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")
        self.refused(ann.sts.assume_role, RoleArn=role_arn(role), RoleSessionName="ann", DurationSeconds=7201, code="ValidationError", status=400)

        # What is asked for the session takes away, and gives nothing.
        narrow = Person.temporary(ann.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="ann", Policy=policy(allow(["swf:ListDomains", "iam:*"])))["Credentials"])
        narrow.swf.list_domains(registrationStatus="REGISTERED")
        self.assertIn("no session policy allows", self.refused(narrow.swf.describe_domain, name="department1"))
        self.refused(narrow.iam.list_users)
        managed = Person.temporary(ann.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="ann", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/SimpleWorkflowReadOnlyAccess"}])["Credentials"])
        managed.swf.describe_domain(name="department1")
        self.refused(managed.swf.deprecate_domain, name="department1")

        # Whom the role trusts, and what it may do, counts for the next request.
        self.root.iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=policy(allow("iam:ListUsers")))
        self.refused(session.swf.list_domains, registrationStatus="REGISTERED")
        session.iam.list_users()
        self.root.iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust({"AWS": bob.arn}))
        self.refused(ann.sts.assume_role, RoleArn=role_arn(role), RoleSessionName="ann")
        chained = Person.temporary(bob.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="bob")["Credentials"])
        self.refused(chained.sts.get_session_token)
        self.root.iam.delete_role_policy(RoleName=role, PolicyName="own")
        self.root.iam.delete_role(RoleName=role)
        self.refused(session.sts.get_caller_identity, code="InvalidClientTokenId")

    def test_trust_conditions(self):
        ann = self.person(allow(["sts:AssumeRole", "sts:TagSession"]))
        role = self.role({"AWS": ACCOUNT}, StringEquals={"sts:ExternalId": "42"})
        self.refused(ann.sts.assume_role, RoleArn=role_arn(role), RoleSessionName="ann")
        self.refused(ann.sts.assume_role, RoleArn=role_arn(role), RoleSessionName="ann", ExternalId="41")
        ann.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="ann", ExternalId="42")
        tagged = self.role({"AWS": ACCOUNT}, allow("swf:DescribeDomain", StringEquals={"aws:PrincipalTag/team": "red"}), actions=["sts:TagSession"])
        for team, may in (("red", True), ("blue", False)):
            session = Person.temporary(ann.sts.assume_role(RoleArn=role_arn(tagged), RoleSessionName="ann", Tags=[{"Key": "team", "Value": team}])["Credentials"])
            if may:
                session.swf.describe_domain(name="department1")
            else:
                self.refused(session.swf.describe_domain, name="department1")

    def test_session_token(self):
        ann = self.person(allow("*"))
        session = Person.temporary(ann.sts.get_session_token(DurationSeconds=900)["Credentials"])
        self.assertEqual(session.arn, ann.arn)
        session.swf.list_domains(registrationStatus="REGISTERED")
        self.refused(session.iam.list_users)
        self.refused(session.sts.get_session_token)
        role = self.role({"AWS": ann.arn}, allow("iam:ListUsers"))
        Person.temporary(session.sts.assume_role(RoleArn=role_arn(role), RoleSessionName="ann")["Credentials"]).iam.list_users()
        self.root.iam.put_user_policy(UserName=ann.name, PolicyName="own", PolicyDocument=policy(deny("swf:*")))
        self.refused(session.swf.list_domains, registrationStatus="REGISTERED")

    @contextlib.contextmanager
    def config(self, credentials, config):
        with tempfile.TemporaryDirectory() as folder:
            names = {}
            for variable, text in (("AWS_SHARED_CREDENTIALS_FILE", credentials), ("AWS_CONFIG_FILE", config)):
                names[variable] = os.path.join(folder, variable)
                with open(names[variable], "w") as file:
                    file.write(text)
            with unittest.mock.patch.dict(os.environ, names):
                yield

    def test_profile_with_a_role(self):
        """boto3 assumes the role itself, when it is needed."""
        name = self.unused("user")
        self.root.iam.create_user(UserName=name)
        self.root.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(allow("sts:AssumeRole")))
        key, role = self.key(name), self.role({"AWS": ACCOUNT}, allow("swf:*"), StringEquals={"sts:ExternalId": "42"})
        credentials = f"[people]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
        config = (f"[profile work]\nregion = us-east-1\nrole_arn = {role_arn(role)}\nsource_profile = people\nrole_session_name = desk\n"
                  "external_id = 42\nduration_seconds = 900\n[profile people]\nregion = us-east-1\n")
        with self.config(credentials, config):
            work, people = (Person(boto3.Session(profile_name=profile)) for profile in ("work", "people"))
            self.assertEqual(work.arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/desk")
            work.swf.list_domains(registrationStatus="REGISTERED")
            self.refused(people.swf.list_domains, registrationStatus="REGISTERED")

    # What policies say.

    def test_policies_of_the_manual(self):
        everything, everywhere, one, both = (self.person(*s) for s in (
            [allow("swf:*", domain("*"))],
            [allow("swf:StartWorkflowExecution", domain("department2"))],
            [allow("swf:*", domain("department1"))],
            [allow("swf:*", domain("department1")), allow("swf:*", domain("department2"))]))
        everything.swf.list_domains(registrationStatus="REGISTERED")
        self.start(everything)
        self.refused(everything.iam.list_users)
        self.start(everywhere, domain="department2")
        self.no_start(everywhere)
        self.refused(everywhere.swf.describe_domain, name="department2")
        self.start(one)
        self.no_start(one, domain="department2")
        self.refused(one.swf.list_domains, registrationStatus="REGISTERED")
        self.start(both)
        self.start(both, domain="department2")

    def test_one_version_of_one_type_in_one_domain(self):
        ann = self.person(allow("swf:StartWorkflowExecution", domain("department1"), StringEquals={
            "swf:workflowType.name": "workflow1", "swf:workflowType.version": "version2"}))
        right = {"name": "workflow1", "version": "version2"}
        workflow, run = self.start(ann, workflowType=right)
        self.no_start(ann, workflowType=right, domain="department2")
        self.no_start(ann, workflowType={**right, "version": "version1"})
        self.no_start(ann, workflowType={**right, "name": "workflow9"})  # which is not there
        self.no_start(ann, workflowType=right, domain="department9")
        self.no_start(ann)
        swf, d = ann.swf, {"domain": "department1"}
        for call, more in (
            (swf.describe_domain, {"name": "department1"}), (swf.list_domains, {"registrationStatus": "REGISTERED"}),
            (swf.signal_workflow_execution, {**d, "workflowId": workflow, "signalName": "s"}),
            (swf.terminate_workflow_execution, {**d, "workflowId": workflow}),
            (swf.request_cancel_workflow_execution, {**d, "workflowId": workflow}),
            (swf.describe_workflow_execution, {**d, "execution": {"workflowId": workflow, "runId": run}}),
            (swf.get_workflow_execution_history, {**d, "execution": {"workflowId": workflow, "runId": run}}),
            (swf.list_open_workflow_executions, {**d, **EPOCH}), (swf.count_open_workflow_executions, {**d, **EPOCH}),
            (swf.poll_for_decision_task, {**d, "taskList": {"name": "orders"}}), (swf.poll_for_activity_task, {**d, "taskList": {"name": "packers"}}),
            (swf.register_domain, {"name": "department1", "workflowExecutionRetentionPeriodInDays": "1"}),
            (swf.register_workflow_type, {**d, **right}), (swf.describe_workflow_type, {**d, "workflowType": right}),
        ):
            self.refused(call, **more)

    def test_defaults_count_as_values(self):
        orders = {"swf:taskList.name": "orders"}
        strict, lenient, never = (self.person(allow("swf:StartWorkflowExecution", domain("department1"), **{o: orders}))
                                  for o in ("StringEquals", "StringEqualsIfExists", "StringNotEquals"))
        for ann in (strict, lenient):
            self.start(ann)  # on the type's own list
            self.start(ann, taskList={"name": "orders"})
            self.no_start(ann, taskList={"name": "others"})
        self.no_start(never)
        self.start(never, taskList={"name": "others"})

    def test_tag_lists(self):
        ann = self.person(allow("swf:StartWorkflowExecution", StringEqualsIfExists={
            "swf:tagList.member.0": ["ok", "fine"], "swf:tagList.member.1": ["ok", "fine"]}, Null={"swf:tagList.member.2": "true"}))
        for tags in ([], ["ok"], ["fine", "ok"]):
            self.start(ann, tagList=tags)
        for tags in (["bad"], ["ok", "bad"], ["ok", "fine", "ok"]):
            self.no_start(ann, tagList=tags)

    def test_domain_tags(self):
        name = self.unused("domain")
        arn = f"arn:aws:swf:us-east-1:{ACCOUNT}:/domain/{name}"
        ann = self.person(allow("swf:*"), deny("swf:*", domain("*"), StringEquals={"aws:ResourceTag/environment": "production"}))
        tagger = self.person(
            allow("swf:TagResource", StringEquals={"aws:RequestTag/environment": "test"}, **{"ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "team"]}}),
            allow("swf:UntagResource", **{"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}),
            allow("swf:RegisterDomain", StringLike={"aws:RequestTag/team": "?*"}))
        self.open(name, tags=[{"key": "environment", "value": "production"}])
        self.refused(ann.swf.describe_domain, name=name)
        self.no_start(ann, domain=name)
        self.refused(ann.swf.untag_resource, resourceArn=arn, tagKeys=["environment"])
        self.root.swf.tag_resource(resourceArn=arn, tags=[{"key": "environment", "value": "test"}])
        ann.swf.describe_domain(name=name)
        self.start(ann, domain=name)

        def tags(**given):
            return {"resourceArn": arn, "tags": [{"key": k, "value": v} for k, v in given.items()]}
        tagger.swf.tag_resource(**tags(environment="test", team="red"))
        self.refused(tagger.swf.tag_resource, **tags(environment="production"))
        self.refused(tagger.swf.tag_resource, **tags(team="red"))
        self.refused(tagger.swf.tag_resource, **tags(environment="test", other="x"))
        tagger.swf.untag_resource(resourceArn=arn, tagKeys=["team"])
        self.refused(tagger.swf.untag_resource, resourceArn=arn, tagKeys=["team", "environment"])
        new = {"workflowExecutionRetentionPeriodInDays": "1"}
        self.refused(tagger.swf.register_domain, name=self.unused("domain"), **new)
        tagger.swf.register_domain(name=self.unused("domain"), tags=[{"key": "team", "value": "red"}], **new)

    def test_where_and_when(self):
        later, earlier = ((NOW + datetime.timedelta(days=d)).strftime("%Y-%m-%dT%H:%M:%SZ") for d in (1, -1))
        for condition, may in (
            ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
            ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}, False),
            ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}, False),
            ({"DateLessThan": {"aws:CurrentTime": later}, "DateGreaterThan": {"aws:CurrentTime": earlier}}, True),
            ({"DateLessThan": {"aws:CurrentTime": earlier}}, False),
            ({"NumericGreaterThan": {"aws:EpochTime": str(int(NOW.timestamp()) + 86400)}}, False),
            ({"Bool": {"aws:SecureTransport": "false"}}, os.environ["AWS_ENDPOINT_URL"].startswith("http:")),
            ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
            ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
            ({"StringLike": {"aws:UserAgent": "Boto3/*"}}, True),
            ({"Null": {"aws:TokenIssueTime": "false"}}, False),
            ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
            ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, False),
            ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/*"}}, True),
        ):
            with self.subTest(condition):
                ann = self.person(allow("swf:ListDomains", **condition), Tags=[{"Key": "team", "Value": "red"}])
                if may:
                    ann.swf.list_domains(registrationStatus="REGISTERED")
                else:
                    self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")

    def test_variables(self):
        ann, bob = (self.person(allow("swf:*", domain("${aws:username}-*"))) for _ in range(2))
        for who, other in ((ann, bob), (bob, ann)):
            mine = who.name + "-domain"
            who.swf.register_domain(name=mine, workflowExecutionRetentionPeriodInDays="1")
            who.swf.describe_domain(name=mine)
            self.refused(other.swf.describe_domain, name=mine)
        role = self.role({"AWS": ACCOUNT}, allow("swf:*", domain("${aws:username}-*")), allow("swf:DescribeDomain", domain("${aws:PrincipalTag/home, 'department1'}")))
        admin = self.person(allow("sts:AssumeRole"))
        session = Person.temporary(admin.sts.assume_role(RoleArn=role_arn(role), RoleSessionName=ann.name)["Credentials"])
        self.refused(session.swf.describe_domain, name=ann.name + "-domain")  # no user, so no name
        session.swf.describe_domain(name="department1")

    def test_users_see_their_own_permissions(self):
        ann = self.person(
            allow(["iam:GetUserPolicy", "iam:ListGroupsForUser", "iam:ListAttachedUserPolicies", "iam:ListUserPolicies", "iam:GetUser"],
                  ["arn:aws:iam::*:user/${aws:username}"]),
            allow(["iam:GetGroupPolicy", "iam:GetPolicyVersion", "iam:GetPolicy", "iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies",
                   "iam:ListPolicyVersions", "iam:ListPolicies", "iam:ListUsers"]))
        other = self.person()
        self.assertEqual(ann.iam.get_user()["User"]["UserName"], ann.name)
        self.assertEqual(ann.iam.list_user_policies(UserName=ann.name)["PolicyNames"], ["own"])
        self.assertEqual(ann.iam.get_user_policy(UserName=ann.name, PolicyName="own")["PolicyDocument"]["Version"], "2012-10-17")
        ann.iam.list_groups_for_user(UserName=ann.name)
        ann.iam.list_attached_user_policies(UserName=ann.name)
        self.assertIn(other.name, [u["UserName"] for page in ann.iam.get_paginator("list_users").paginate() for u in page["Users"]])
        ann.iam.get_policy(PolicyArn=FULL_ACCESS)
        self.refused(ann.iam.get_user, UserName=other.name)
        self.refused(ann.iam.list_user_policies, UserName=other.name)
        self.refused(ann.iam.put_user_policy, UserName=ann.name, PolicyName="own", PolicyDocument=policy(allow("*")))

    def test_changes_count_for_the_next_request(self):
        ann = self.person()
        for i in range(20):
            document = policy(allow("swf:ListDomains") if i % 2 else deny("swf:ListDomains"))
            self.root.iam.put_user_policy(UserName=ann.name, PolicyName="own", PolicyDocument=document)
            if i % 2:
                ann.swf.list_domains(registrationStatus="REGISTERED")
            else:
                self.refused(ann.swf.list_domains, registrationStatus="REGISTERED")

    def test_simulation(self):
        ann = self.person(allow("swf:*", domain("department1")), deny("swf:Deprecate*"),
                          allow("swf:StartWorkflowExecution", domain("department2"), StringEquals={"swf:workflowType.name": "workflow1"}))
        arn = f"arn:aws:swf:us-east-1:{ACCOUNT}:/domain/"

        def ask(action, resource, **context):
            answer = self.root.iam.simulate_principal_policy(
                PolicySourceArn=ann.arn, ActionNames=[action], ResourceArns=[arn + resource],
                ContextEntries=[{"ContextKeyName": k, "ContextKeyType": "string", "ContextKeyValues": [v]} for k, v in context.items()])
            return answer["EvaluationResults"][0]
        self.assertEqual(ask("swf:DescribeDomain", "department1")["EvalDecision"], "allowed")
        self.assertEqual(ask("swf:DescribeDomain", "department1")["MatchedStatements"][0]["SourcePolicyId"], f"user/{ann.name}/own")
        self.assertEqual(ask("swf:DeprecateDomain", "department1")["EvalDecision"], "explicitDeny")
        self.assertEqual(ask("swf:DescribeDomain", "department2")["EvalDecision"], "implicitDeny")
        self.assertEqual(ask("swf:StartWorkflowExecution", "department2", **{"swf:workflowType.name": "workflow1"})["EvalDecision"], "allowed")
        self.assertEqual(ask("swf:StartWorkflowExecution", "department2", **{"swf:workflowType.name": "other"})["EvalDecision"], "implicitDeny")
        self.refused(ann.iam.simulate_principal_policy, PolicySourceArn=ann.arn, ActionNames=["swf:ListDomains"])
        custom = self.root.iam.simulate_custom_policy(PolicyInputList=[policy(allow("swf:List*"))], ActionNames=["swf:ListDomains", "swf:DescribeDomain"])
        self.assertEqual([r["EvalDecision"] for r in custom["EvaluationResults"]], ["allowed", "implicitDeny"])

    # Decisions.

    def decide(self, who, decisions, tasks, run=None, **more):
        """Starts an execution, decides once, and gives the events that came of it."""
        workflow, run = self.start(self.root, taskList={"name": tasks}, **more)
        task = who.swf.poll_for_decision_task(domain="department1", taskList={"name": tasks})
        who.swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)
        events = self.root.swf.get_workflow_execution_history(domain="department1", execution={"workflowId": workflow, "runId": run})["events"]
        return [e for e in events if e["eventId"] > task["startedEventId"] + 1]

    @staticmethod
    def cause(event):
        return next(v["cause"] for k, v in event.items() if k.endswith("EventAttributes") and "cause" in v)

    @staticmethod
    def decision(kind, **attributes):
        return {"decisionType": kind, kind[0].lower() + kind[1:] + "DecisionAttributes": attributes}

    DECIDER = ["swf:PollForDecisionTask", "swf:RespondDecisionTaskCompleted"]

    def test_a_decider_of_one_activity_type(self):
        decider = self.person(allow(self.DECIDER, domain("department1")), allow("swf:ScheduleActivityTask", domain("department1"), StringEquals={
            "swf:activityType.name": "pack", "swf:activityType.version": "1", "swf:taskList.name": "packers"}))
        d, ship = self.decision, {"name": "ship", "version": "1"}
        forbidden = [
            d("ScheduleActivityTask", activityId="1", activityType=ship),
            d("ScheduleActivityTask", activityId="2", activityType={"name": "none", "version": "1"}),
            d("ScheduleActivityTask", activityId="3", activityType=PACK, taskList={"name": "elsewhere"}),
            d("RecordMarker", markerName="m"), d("StartTimer", timerId="t", startToFireTimeout="9"), d("CancelTimer", timerId="u"),
            d("RequestCancelActivityTask", activityId="9"), d("RequestCancelExternalWorkflowExecution", workflowId="x"),
            d("SignalExternalWorkflowExecution", workflowId="x", signalName="s"),
            d("StartChildWorkflowExecution", workflowId="c", workflowType=ORDER),
        ]
        for last in ("CompleteWorkflowExecution", "FailWorkflowExecution", "CancelWorkflowExecution", "ContinueAsNewWorkflowExecution"):
            with self.subTest(last):
                granted = [d("ScheduleActivityTask", activityId="a", activityType=PACK),
                           d("ScheduleActivityTask", activityId="b", activityType=PACK, taskList={"name": "packers"})]
                events = self.decide(decider, forbidden[:5] + granted[:1] + forbidden[5:] + granted[1:] + [d(last)], self.unused("list"))
                failed = [e for e in events if e["eventType"].endswith("Failed")]
                self.assertEqual([e["eventType"] for e in failed], [f["decisionType"] + "Failed" for f in forbidden + [d(last)]])
                self.assertEqual({self.cause(e) for e in failed}, {"OPERATION_NOT_PERMITTED"})
                self.assertEqual([e["activityTaskScheduledEventAttributes"]["activityId"] for e in events if e["eventType"] == "ActivityTaskScheduled"], ["a", "b"])

    def test_each_decision_needs_its_permission(self):
        d = self.decision
        for one in (
            d("RecordMarker", markerName="m"), d("StartTimer", timerId="t", startToFireTimeout="9"), d("CancelTimer", timerId="t"),
            d("ScheduleActivityTask", activityId="a", activityType=PACK), d("RequestCancelActivityTask", activityId="a"),
            d("RequestCancelExternalWorkflowExecution", workflowId="x"), d("SignalExternalWorkflowExecution", workflowId="x", signalName="s"),
            d("StartChildWorkflowExecution", workflowId=self.unused("child"), workflowType=ORDER),
            d("ScheduleLambdaFunction", id="l", name="f"), d("ContinueAsNewWorkflowExecution"),
            d("CompleteWorkflowExecution"), d("FailWorkflowExecution"), d("CancelWorkflowExecution"),
        ):
            kind = one["decisionType"]
            with self.subTest(kind):
                may = self.person(allow(self.DECIDER + ["swf:" + kind]))
                may_all_else = self.person(allow("*"), deny("swf:" + kind))
                granted = self.decide(may, [one], self.unused("list"))
                self.assertNotIn("OPERATION_NOT_PERMITTED", [self.cause(e) for e in granted if e["eventType"] == kind + "Failed"])
                refused = self.decide(may_all_else, [one], self.unused("list"))
                self.assertEqual(refused[0]["eventType"], kind + "Failed")
                self.assertNotIn(kind[:-9] + "Completed", [e["eventType"] for e in refused])
                if kind != "ScheduleLambdaFunction":
                    self.assertEqual(self.cause(refused[0]), "OPERATION_NOT_PERMITTED")

    def test_conditions_of_children_and_successors(self):
        d = self.decision
        ann = self.person(
            allow(self.DECIDER),
            allow("swf:StartChildWorkflowExecution", StringEquals={"swf:workflowType.name": "order", "swf:taskList.name": "orders"}),
            allow("swf:ContinueAsNewWorkflowExecution", StringEquals={"swf:workflowType.version": "1"}))
        child = lambda **more: d("StartChildWorkflowExecution", workflowId=self.unused("child"), **{"workflowType": ORDER, **more})
        events = self.decide(ann, [child(), child(taskList={"name": "x"}), child(workflowType={"name": "workflow1", "version": "version1"}),
                                   d("ContinueAsNewWorkflowExecution", workflowTypeVersion="2")], self.unused("list"))
        kinds = [e["eventType"] for e in events]
        self.assertEqual((kinds.count("StartChildWorkflowExecutionInitiated"), kinds.count("StartChildWorkflowExecutionFailed")), (1, 2))
        self.assertIn("ContinueAsNewWorkflowExecutionFailed", kinds)
        events = self.decide(ann, [d("ContinueAsNewWorkflowExecution")], self.unused("list"))  # the version is its own
        self.assertEqual([e["eventType"] for e in events], ["WorkflowExecutionContinuedAsNew"])

    def test_lambda_roles_must_be_passed(self):
        d, role = self.decision, role_arn("lambda-runner")
        for name in ("lambda-runner", "admin"):
            self.root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "swf.amazonaws.com"}))
        without = self.person(allow("swf:*"))
        passer = self.person(allow("swf:*"), allow("iam:PassRole", role_arn("lambda-*"), StringEquals={"iam:PassedToService": "swf.amazonaws.com"}))
        other = self.person(allow("swf:*"), allow("iam:PassRole", role_arn("lambda-*"), StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}))
        self.start(passer, lambdaRole=role)
        for name in ("admin", "/lambda-runner", "lambda-none", "Lambda-runner"):
            self.no_start(passer, lambdaRole=role_arn(name))
        for who in (without, other):
            self.start(who)
            self.assertIn("iam:PassRole", self.no_start(who, lambdaRole=role))
            self.refused(who.swf.register_workflow_type, domain="department1", name="hands-over", version="1", defaultLambdaRole=role)
        for who, begun in ((passer, 1), (without, 0)):
            events = self.decide(who, [d("StartChildWorkflowExecution", workflowId=self.unused("child"), workflowType=ORDER, lambdaRole=role)], self.unused("list"))
            self.assertEqual([e["eventType"] for e in events].count("StartChildWorkflowExecutionInitiated"), begun)
            events = self.decide(who, [d("ContinueAsNewWorkflowExecution", lambdaRole=role)], self.unused("list"))
            self.assertEqual([e["eventType"] for e in events].count("WorkflowExecutionContinuedAsNew"), begun)


if __name__ == "__main__":
    unittest.main()
