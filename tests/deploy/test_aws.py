"""The CloudFormation template: read by Amazon's own rules, and a stack of it really created (by moto)."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint import decode

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "aws" / "postgresql.yaml"
MOTO_CANNOT = (
    # It resolves the reference to an object, not to the group's name.
    "      DBParameterGroupName: !Ref ParameterGroup\n",
    # It knows no such attribute.
    "    Value: !GetAtt Database.MasterUserSecret.SecretArn\n",
)
"""Lines that are only linted."""
REGION = "ap-northeast-2"


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """boto3, talking to moto in this process: nothing leaves the machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of their own imports
        import boto3  # noqa: PLC0415  # seconds, which only this test pays
        from moto import mock_aws  # noqa: PLC0415
    with mock_aws():
        yield boto3


def test_the_template_is_valid_and_holds_no_password() -> None:
    linted = subprocess.run(
        [Path(sys.prefix) / "bin" / "cfn-lint", "--regions", REGION, "us-east-1", "--", TEMPLATE],
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    # What moto does not look at.
    properties = decode.decode(str(TEMPLATE))[0]["Resources"]["Database"]["Properties"]
    assert properties["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in properties
    assert properties["DBParameterGroupName"] == {"Ref": "ParameterGroup"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Tried to parse AWS..CloudWatch..Alarm")
def test_a_stack_of_it_is_created(amazon: Any) -> None:
    network = amazon.client("ec2")
    vpc = network.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        network.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for n, zone in enumerate("ab")
    ]
    machines = network.create_security_group(GroupName="machines", Description="ours", VpcId=vpc)["GroupId"]
    given = {
        "VpcId": vpc,
        "SubnetIds": ",".join(subnet["Subnet"]["SubnetId"] for subnet in subnets),
        "ApplicationSecurityGroupId": machines,
        "AlarmEmail": "keeper@example.com",
    }
    template = TEMPLATE.read_text()
    for line in MOTO_CANNOT:
        assert line in template
        template = template.replace(line, "    Value: unknown\n" if "Value" in line else "")
    formation = amazon.client("cloudformation")
    formation.create_stack(
        StackName="signalcraft-db",
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    [stack] = formation.describe_stacks(StackName="signalcraft-db")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    [database] = amazon.client("rds").describe_db_instances()["DBInstances"]
    assert database["Engine"] == "postgres"
    assert database["MultiAZ"]
    assert database["StorageEncrypted"]
    assert not database["PubliclyAccessible"]
    assert database["BackupRetentionPeriod"] == 14
    assert database["MasterUsername"] == "signalcraft_admin"
    assert outputs["Endpoint"] == database["Endpoint"]["Address"]

    [rule] = [
        permission
        for group in network.describe_security_groups()["SecurityGroups"]
        for permission in group["IpPermissions"]
        if permission.get("FromPort") == 5432
    ]
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [machines]
    assert rule["IpRanges"] == []

    [group] = [
        group["DBParameterGroupName"]
        for group in amazon.client("rds").describe_db_parameter_groups()["DBParameterGroups"]
        if not group["DBParameterGroupName"].startswith("default.")
    ]
    parameters = amazon.client("rds").describe_db_parameters(DBParameterGroupName=group)["Parameters"]
    values = {found["ParameterName"]: found["ParameterValue"] for found in parameters}
    assert values["rds.force_ssl"] == "1"
    assert int(values["max_connections"]) == 200


def test_there_is_an_alarm_for_what_ends_a_database() -> None:
    """By the template alone: moto's CloudFormation makes no alarms."""
    resources = decode.decode(str(TEMPLATE))[0]["Resources"]
    alarms = [item["Properties"] for item in resources.values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    assert {alarm["MetricName"] for alarm in alarms} == {
        "DatabaseConnections",
        "FreeStorageSpace",
        "CPUUtilization",
        "MaximumUsedTransactionIDs",
        "ReplicaLag",
    }
    for alarm in alarms:
        watched = "Replica" if alarm["MetricName"] == "ReplicaLag" else "Database"
        assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": {"Ref": watched}}]
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
