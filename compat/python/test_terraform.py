"""Tools that manage IAM: for each resource, the calls that Terraform's provider makes
to create, read, change and delete it.
"""

import json
import unittest

import people
from people import ACCOUNT, FULL_ACCESS, allow, policy, role_arn, trust


class Terraform(people.Access):
    def test_user(self):
        iam, name = self.root.iam, self.unused("terraform")
        created = iam.create_user(UserName=name, Path="/", Tags=[{"Key": "env", "Value": "dev"}])["User"]
        self.assertEqual({k: created[k] for k in ("UserName", "Path")}, {"UserName": name, "Path": "/"})
        read = iam.get_user(UserName=name)["User"]
        self.assertEqual((read["UserId"], read["Tags"]), (created["UserId"], [{"Key": "env", "Value": "dev"}]))
        self.assertNotIn("PermissionsBoundary", read)
        iam.tag_user(UserName=name, Tags=[{"Key": "env", "Value": "prod"}])
        iam.untag_user(UserName=name, TagKeys=["old"])
        self.assertEqual(iam.list_user_tags(UserName=name)["Tags"], [{"Key": "env", "Value": "prod"}])
        iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=FULL_ACCESS)
        iam.delete_user_permissions_boundary(UserName=name)
        renamed = name + "-2"
        iam.update_user(UserName=name, NewUserName=renamed, NewPath="/apps/")
        self.assertEqual(iam.get_user(UserName=renamed)["User"]["UserId"], created["UserId"])
        name = renamed
        # aws_iam_access_key
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.assertEqual([k["AccessKeyId"] for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]], [key["AccessKeyId"]])
        iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
        # aws_iam_user_policy and aws_iam_user_policy_attachment
        document = policy(allow("swf:*"))
        iam.put_user_policy(UserName=name, PolicyName="tf", PolicyDocument=document)
        self.assertEqual(iam.get_user_policy(UserName=name, PolicyName="tf")["PolicyDocument"], json.loads(document))
        iam.attach_user_policy(UserName=name, PolicyArn=FULL_ACCESS)
        self.assertEqual([p["PolicyArn"] for p in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]], [FULL_ACCESS])
        iam.detach_user_policy(UserName=name, PolicyArn=FULL_ACCESS)
        iam.delete_user_policy(UserName=name, PolicyName="tf")
        self.refused(iam.get_user_policy, UserName=name, PolicyName="tf", code="NoSuchEntity", status=404)
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        # force_destroy looks for all that a user may have.
        self.assertEqual(iam.list_groups_for_user(UserName=name)["Groups"], [])
        self.assertEqual(iam.list_access_keys(UserName=name)["AccessKeyMetadata"], [])
        self.assertEqual(iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"], [])
        self.assertEqual(iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"], [])
        self.assertEqual(iam.list_mfa_devices(UserName=name)["MFADevices"], [])
        self.assertEqual(iam.list_signing_certificates(UserName=name)["Certificates"], [])
        self.assertEqual(iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"], [])
        self.refused(iam.delete_login_profile, UserName=name, code="NoSuchEntity", status=404)
        iam.delete_user(UserName=name)
        self.refused(iam.get_user, UserName=name, code="NoSuchEntity", status=404)
        self.refused(iam.delete_user, UserName=name, code="NoSuchEntity", status=404)

    def test_role_and_policy(self):
        iam, name = self.root.iam, self.unused("terraform")
        document = trust({"Service": "swf.amazonaws.com"})
        created = iam.create_role(RoleName=name, Path="/", AssumeRolePolicyDocument=document, MaxSessionDuration=3600, Tags=[{"Key": "env", "Value": "dev"}])["Role"]
        read = iam.get_role(RoleName=name)["Role"]
        self.assertEqual((read["Arn"], read["RoleId"], read["MaxSessionDuration"]), (role_arn(name), created["RoleId"], 3600))
        self.assertEqual(read["AssumeRolePolicyDocument"], json.loads(document))
        self.assertEqual(iam.list_role_policies(RoleName=name)["PolicyNames"], [])
        self.assertEqual(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"], [])
        self.assertEqual(iam.list_role_tags(RoleName=name)["Tags"], [{"Key": "env", "Value": "dev"}])
        iam.update_role(RoleName=name, Description="changed", MaxSessionDuration=7200)
        iam.update_role_description(RoleName=name, Description="again")
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": ACCOUNT}))
        iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "b"}])
        iam.untag_role(RoleName=name, TagKeys=["a"])
        self.assertEqual({k: v for k, v in iam.get_role(RoleName=name)["Role"].items() if k in ("Description", "MaxSessionDuration")},
                         {"Description": "again", "MaxSessionDuration": 7200})
        # aws_iam_policy
        first, second = policy(allow("swf:List*")), policy(allow("swf:Describe*"))
        arn = iam.create_policy(PolicyName=name, Path="/", PolicyDocument=first, Description="tf", Tags=[{"Key": "env", "Value": "dev"}])["Policy"]["Arn"]
        read = iam.get_policy(PolicyArn=arn)["Policy"]
        self.assertEqual((read["DefaultVersionId"], read["AttachmentCount"], read["Description"], read["Tags"]), ("v1", 0, "tf", [{"Key": "env", "Value": "dev"}]))
        self.assertEqual(iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"], json.loads(first))
        for i in range(6):  # it makes room for a sixth version
            versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
            if len(versions) == 5:
                self.refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=second, SetAsDefault=True, code="LimitExceeded", status=409)
                oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: int(v["VersionId"][1:]))
                iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=second, SetAsDefault=True)
        self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v7")
        iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
        self.assertEqual(iam.list_policy_tags(PolicyArn=arn)["Tags"], [{"Key": "env", "Value": "dev"}])
        # aws_iam_role_policy_attachment and aws_iam_role_policy
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        self.assertEqual([p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]], [arn])
        iam.put_role_policy(RoleName=name, PolicyName="tf", PolicyDocument=first)
        self.assertEqual(iam.get_role_policy(RoleName=name, PolicyName="tf")["PolicyDocument"], json.loads(first))
        # Away with it all.
        self.assertEqual(iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"], name)
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        self.refused(iam.detach_role_policy, RoleName=name, PolicyArn=arn, code="NoSuchEntity", status=404)
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=arn)
        self.refused(iam.get_policy, PolicyArn=arn, code="NoSuchEntity", status=404)
        self.assertEqual(iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"], [])
        iam.delete_role_policy(RoleName=name, PolicyName="tf")
        iam.delete_role(RoleName=name)
        self.refused(iam.get_role, RoleName=name, code="NoSuchEntity", status=404)

    def test_group(self):
        iam, name, member = self.root.iam, self.unused("terraform"), self.person()
        iam.create_group(GroupName=name, Path="/")
        iam.get_group(GroupName=name)
        iam.add_user_to_group(GroupName=name, UserName=member.name)
        iam.attach_group_policy(GroupName=name, PolicyArn=FULL_ACCESS)
        self.assertEqual([p["PolicyArn"] for p in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]], [FULL_ACCESS])
        iam.update_group(GroupName=name, NewGroupName=name + "-2", NewPath="/teams/")
        member.swf.list_domains(registrationStatus="REGISTERED")
        name += "-2"
        self.refused(iam.delete_group, GroupName=name, code="DeleteConflict", status=409)
        iam.detach_group_policy(GroupName=name, PolicyArn=FULL_ACCESS)
        self.assertEqual(iam.list_group_policies(GroupName=name)["PolicyNames"], [])
        iam.remove_user_from_group(GroupName=name, UserName=member.name)
        iam.delete_group(GroupName=name)
        self.refused(iam.get_group, GroupName=name, code="NoSuchEntity", status=404)


if __name__ == "__main__":
    unittest.main()
