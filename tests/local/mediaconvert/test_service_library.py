"""Job templates and presets over boto3: their lives, their lists, and jobs made from them."""

from __future__ import annotations

import copy

from tests.local.mediaconvert.conftest import JOB, ROLE, settings_for
from tests.local.mediaconvert.test_service_protocol import ARN, refused


def template_settings() -> dict:
    """The planner's job without its film."""
    settings = copy.deepcopy(JOB)
    settings["Inputs"][0].pop("FileInput")
    return settings


def test_a_template_lives_from_create_to_delete(client):
    settings = template_settings()
    created = client.create_job_template(
        Name="Hd", Category="vod", Description="all rungs", Settings=settings, Tags={"team": "films"}
    )["JobTemplate"]
    assert (created["Arn"], created["Type"], created["Category"]) == (f"{ARN}:jobTemplates/Hd", "CUSTOM", "vod")
    assert created["Settings"] == settings
    assert client.get_job_template(Name="Hd")["JobTemplate"] == created
    assert refused(client.create_job_template, Name="Hd", Settings={})[0] == "ConflictException"
    changed = client.update_job_template(Name="Hd", Priority=9)["JobTemplate"]
    assert (changed["Priority"], changed["Settings"], changed["Category"]) == (9, settings, "vod")
    assert client.list_tags_for_resource(Arn=created["Arn"])["ResourceTags"]["Tags"] == {"team": "films"}
    client.tag_resource(Arn=created["Arn"], Tags={"cost": "7"})
    client.untag_resource(Arn=created["Arn"], TagKeys=["team"])
    assert client.list_tags_for_resource(Arn=created["Arn"])["ResourceTags"]["Tags"] == {"cost": "7"}
    client.delete_job_template(Name="Hd")
    code, message, status = refused(client.get_job_template, Name="Hd")
    assert (code, status) == ("NotFoundException", 404)
    assert message == "Job template Hd not found in account and region"


def test_a_preset_lives_from_create_to_delete(client):
    settings = {"ContainerSettings": {"Container": "MP4"}}
    created = client.create_preset(Name="Mp4", Settings=settings)["Preset"]
    assert (created["Arn"], created["Settings"]) == (f"{ARN}:presets/Mp4", settings)
    other = {"ContainerSettings": {"Container": "MOV"}}
    assert client.update_preset(Name="Mp4", Settings=other)["Preset"]["Settings"] == other
    client.delete_preset(Name="Mp4")
    assert refused(client.delete_preset, Name="Mp4")[0] == "NotFoundException"


def test_settings_that_break_the_model_make_no_template(client):
    code, message, _ = refused(client.create_job_template, Name="x", Settings={"AdAvailOffset": 5000})
    assert (code, message) == ("BadRequestException", "/adAvailOffset: 5000 should be less than or equal to 1000")
    assert client.list_job_templates()["JobTemplates"] == []


def test_they_are_listed_by_name_or_date_by_category_and_page_by_page(client):
    for name, category in (("b", "vod"), ("c", "audio"), ("a", "vod")):
        client.create_preset(Name=name, Category=category, Settings={})

    def names(**request):
        return [one["Name"] for one in client.list_presets(**request)["Presets"]]

    assert names() == ["a", "b", "c"]
    assert names(ListBy="CREATION_DATE") == ["b", "c", "a"]
    assert names(ListBy="CREATION_DATE", Order="DESCENDING") == ["a", "c", "b"]
    assert names(Category="vod") == ["a", "b"]
    assert names(ListBy="SYSTEM") == []
    first = client.list_presets(MaxResults=2)
    assert names(MaxResults=2, NextToken=first["NextToken"]) == ["c"]


def test_a_job_from_a_template_needs_its_film_only(client, events):
    client.create_queue(Name="Films")
    client.create_job_template(Name="Hd", Queue="Films", Priority=7, Settings=template_settings())
    film = settings_for("complete")["Inputs"][0]["FileInput"]
    job = client.create_job(Role=ROLE, JobTemplate="Hd", Settings={"Inputs": [{"FileInput": film}]})["Job"]
    assert job["Settings"] == settings_for("complete")
    assert (job["JobTemplate"], job["Priority"], job["Queue"]) == ("Hd", 7, f"{ARN}:queues/Films")
    assert events.wait_for("COMPLETE")["jobId"] == job["Id"]


def test_what_a_template_has_and_the_engine_has_not_is_refused_with_its_path(client):
    settings = template_settings()
    settings["OutputGroups"][0]["Outputs"][0]["VideoDescription"]["Sharpness"] = 3
    settings["OutputGroups"][0]["Outputs"][0]["VideoDescription"]["RespondToAfd"] = "PASSTHROUGH"
    client.create_job_template(Name="Afd", Settings=settings)
    film = settings_for("complete")["Inputs"][0]["FileInput"]
    _, message, _ = refused(client.create_job, Role=ROLE, JobTemplate="Afd", Settings={"Inputs": [{"FileInput": film}]})
    assert "OutputGroups[0].Outputs[0].VideoDescription.RespondToAfd: PASSTHROUGH is not honoured" in message


def test_a_job_with_presets_is_the_job_written_out(client):
    settings = settings_for("complete")
    output = settings["OutputGroups"][0]["Outputs"][0]
    preset = {name: output.pop(name) for name in ("VideoDescription", "ContainerSettings")}
    client.create_preset(Name="Rung", Settings=preset)
    output["Preset"] = "Rung"
    job = client.create_job(Role=ROLE, Settings=settings)["Job"]
    shown = job["Settings"]["OutputGroups"][0]["Outputs"][0]
    assert shown == {**settings_for("complete")["OutputGroups"][0]["Outputs"][0], "Preset": "Rung"}


def test_a_preset_excludes_container_settings(client):
    settings = settings_for("complete")
    client.create_preset(Name="Rung", Settings={})
    settings["OutputGroups"][0]["Outputs"][0]["Preset"] = "Rung"
    assert refused(client.create_job, Role=ROLE, Settings=settings)[1] == (
        "/outputGroups/0/outputs/0: You can specify either preset or containerSettings, but not both"
    )


def test_awss_own_presets_are_not_here_and_that_is_said(client):
    settings = settings_for("complete")
    output = settings["OutputGroups"][0]["Outputs"][0]
    output.pop("ContainerSettings")
    output["Preset"] = "System-Avc_16x9_720p_29_97fps_3500kbps"
    code, message, _ = refused(client.create_job, Role=ROLE, Settings=settings)
    assert code == "NotFoundException"
    assert "System-Avc_16x9_720p_29_97fps_3500kbps" in message
    assert "AWS's system presets" in message
