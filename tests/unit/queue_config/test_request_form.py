"""The form of requests: whoever changes it says so, and workers of the last version leave what they'd misread."""

from dataclasses import fields, replace

from queue_config.request import FORMAT, AnswerPlan, GenerationRequest, SamplingParams, understood

FORMS = {
    1: (
        "id model prompt sampling created_at deadline_at lane salt boundaries answer manner trace fingerprint",
        (
            "max_tokens temperature top_p top_k stop seed min_p "
            "repetition_penalty presence_penalty frequency_penalty logit_bias"
        ),
        "tools schemas grammar thinking thinking_budget max_calls",
    )
}
"""What each form has, one after the other. A new one gets a line of its own; none is ever changed."""


def test_a_change_of_the_form_raises_its_number() -> None:
    form = tuple(
        " ".join(field.name for field in fields(kind)) for kind in (GenerationRequest, SamplingParams, AnswerPlan)
    )

    assert FORMS[FORMAT] == form
    assert max(FORMS) == FORMAT


def test_a_worker_meets_the_needs_of_its_own_fingerprint_and_of_none() -> None:
    request = GenerationRequest(
        id="msg_1", model="m", prompt=(1,), sampling=SamplingParams(max_tokens=1), created_at=0.0, deadline_at=1.0
    )
    needs = [replace(request, fingerprint=fingerprint).needs for fingerprint in ("", "aaaa", "bbbb")]

    assert [need in understood("aaaa") for need in needs] == [True, True, False]
    assert [need in understood() for need in needs] == [True, False, False]
