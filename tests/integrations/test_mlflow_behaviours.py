"""Which of our tests covers what MLflow tests of its own SQL store.

The names are those of `tests/store/model_registry/test_sqlalchemy_store.py` in MLflow's repository at 3.17, which no
package ships. What differs is explained in docs/from-mlflow.md.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SUITE = Path(__file__).parent / "mlflow_suite"
PAGE = Path(__file__).parents[2] / "docs" / "from-mlflow.md"

COVERED = {
    "create_registered_model": "a_model_is_as_it_was_made a_model_without_description_has_none a_name_is_given_once "
    "a_name_must_be_given",
    "get_registered_model": "a_model_is_as_it_was_made",
    "update_registered_model": "a_description_is_replaced_and_emptied",
    "rename_registered_model": "a_rename_takes_versions_tags_and_aliases_along a_rename_to_a_name_in_use_is_refused "
    "a_rename_to_nothing_is_refused",
    "delete_registered_model": "a_deleted_model_is_gone_with_all_that_it_had a_model_that_is_not_there_is_told",
    "get_latest_versions": "latest_versions_are_those_of_each_stage",
    "set_registered_model_tag": "tags_are_set_replaced_and_removed tags_that_mlflow_refuses_are_refused",
    "delete_registered_model_tag": "tags_are_set_replaced_and_removed a_model_that_is_not_there_is_told",
    "create_model_version": "a_version_is_as_it_was_made what_is_not_said_of_a_version_is_none "
    "versions_are_numbered_from_1_for_each_model",
    "update_model_version": "a_description_is_replaced_and_emptied stages_are_understood_in_any_case "
    "unknown_stages_are_refused",
    "transition_model_version_stage_when_archive_existing_versions_is_false": "a_stage_goes_back_to_none "
    "a_transition_leaves_the_others_or_archives_them",
    "transition_model_version_stage_when_archive_existing_versions_is_true": "others_are_archived_for_active_"
    "stages_only a_transition_leaves_the_others_or_archives_them",
    "delete_model_version": "a_version_that_is_not_there_is_told a_number_is_not_given_again",
    "get_model_version_download_uri": "a_model_outlives_the_place_it_came_from "
    "a_model_that_cannot_be_had_is_told_and_its_address_kept",
    "search_model_versions": "versions_that_a_filter_matches filters_of_versions_that_mlflow_refuses_are_refused "
    "a_version_that_is_found_is_whole a_search_sees_what_others_did_since_the_last_one",
    "search_model_versions_order_by_simple": "versions_are_in_the_order_that_is_asked_for",
    "search_model_versions_order_by_errors": "orders_of_versions_that_mlflow_refuses_are_refused",
    "search_model_versions_pagination": "pages_make_up_the_whole pages_that_mlflow_refuses_are_refused",
    "search_model_versions_by_tag": "versions_that_a_filter_matches",
    "search_registered_models": "models_that_a_filter_matches filters_of_models_that_mlflow_refuses_are_refused",
    "search_registered_models_by_tag": "models_that_a_filter_matches",
    "search_registered_model_pagination": "pages_make_up_the_whole pages_that_mlflow_refuses_are_refused",
    "search_registered_model_order_by": "models_are_in_the_order_that_is_asked_for",
    "search_registered_model_order_by_errors": "orders_of_models_that_mlflow_refuses_are_refused",
    "set_model_version_tag": "tags_are_set_replaced_and_removed tags_that_mlflow_refuses_are_refused "
    "a_version_is_a_whole_number",
    "delete_model_version_tag": "tags_are_set_replaced_and_removed a_version_that_is_not_there_is_told "
    "a_version_is_a_whole_number",
    "set_registered_model_alias": "an_alias_is_known_of_the_model_and_of_the_version versions_may_be_given_as_texts",
    "delete_registered_model_alias": "an_alias_moves_and_goes",
    "get_model_version_by_alias": "an_alias_is_known_of_the_model_and_of_the_version",
    "delete_model_version_deletes_alias": "an_alias_goes_with_its_version",
    "delete_model_deletes_alias": "a_deleted_model_is_gone_with_all_that_it_had",
    "copy_model_version": "a_copy_has_what_the_original_has_but_its_stage a_copy_of_a_copy_names_the_copy",
    "search_prompts": "prompts_are_found_where_they_are_asked_for",
    "search_prompts_versions": "prompts_are_found_where_they_are_asked_for",
    "search_prompt_versions": "the_versions_of_a_prompt_come_in_pages_the_newest_first",
    "create_registered_model_handle_prompt_properly": "a_model_and_a_prompt_cannot_have_one_name",
    "create_model_version_with_model_id_and_no_run_id": "the_run_of_a_logged_model_is_that_of_its_version",
    # It is one of MLflow's own functions, whose errors the orders of models have too.
    "parse_search_registered_models_order_by": "a_field_is_in_an_order_once models_are_in_the_order_that_is_asked_for",
}

WEBHOOKS = """
create_webhook create_webhook_invalid_names create_webhook_valid_names create_webhook_invalid_urls
create_webhook_invalid_events get_webhook get_webhook_not_found list_webhooks list_webhooks_pagination
list_webhooks_invalid_max_results update_webhook update_webhook_partial update_webhook_not_found
update_webhook_invalid_events update_webhook_invalid_names update_webhook_invalid_urls delete_webhook
delete_webhook_not_found webhook_status_transitions webhook_secret_encryption
"""
"""Nobody is running who would call one."""

DIFFERENT = {
    # A deleted version can be had back with `mreg undo`, so nothing of it is overwritten.
    "delete_model_version_redaction": "each_call_is_one_entry_which_undo_takes_back",
    **dict.fromkeys(WEBHOOKS.split(), "there_are_no_webhooks a_webhook_is_refused_with_what_there_is_instead"),
}


def ours() -> set[str]:
    parsed = [ast.parse(file.read_text()) for file in SUITE.glob("suite_*.py")]
    return {one.name for tree in parsed for one in tree.body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("behaviour", [*COVERED, *DIFFERENT])
def test_each_behaviour_of_mlflows_store_has_a_test_that_exists(behaviour: str) -> None:
    named = {**COVERED, **DIFFERENT}[behaviour]

    assert {f"test_{name}" for name in named.split()} <= ours()


def test_differences_are_told_to_users() -> None:
    section = PAGE.read_text().partition("## What differs from MLflow's SQL store")[2]

    assert "webhook" in section
    assert "undo" in section
