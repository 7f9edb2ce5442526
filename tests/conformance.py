"""What the API's documents say, claim by claim, and which tests hold our server to it.

`docs/conformance.md` is made of this and of a run of those tests: ``make conformance``. Sections
are those of the API notes; *own* marks what no document settles and decision 0004 does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: The suites, each by the short name that claims use.
SUITES: Final[Mapping[str, str]] = {
    "api": "tests/contract/test_meetings_api.py",
    "recordings": "tests/contract/test_meetings_recordings.py",
    "themes": "tests/contract/test_meetings_themes.py",
    "logos": "tests/contract/test_meetings_logos.py",
    "callbacks": "tests/unit/meetings_server/test_callbacks.py",
    "events": "tests/unit/meetings_server/test_recordings.py",
    "described": "tests/unit/meetings_server/test_description.py",
    "asked": "tests/http/test_meetings_description.py",
    "official": "tests/http/test_official_client.py",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One documented answer or limit.

    Attributes:
        endpoint: what is asked, or what it is about.
        told: what is documented, or decided.
        section: of the API notes, or ``own``.
        tests: as ``suite:name`` without its ``test_``; none: we do not hold it.
        instead: what we do where we do not hold it.
    """

    endpoint: str
    told: str
    section: str
    tests: tuple[str, ...] = ()
    instead: str = ""


def _held(endpoint: str, told: str, section: str, *tests: str) -> Claim:
    return Claim(endpoint, told, section, tests)


def _not_held(endpoint: str, told: str, section: str, instead: str) -> Claim:
    return Claim(endpoint, told, section, (), instead)


_ROOMS: Final = (
    _held(
        "POST /rooms",
        "201 and the whole room: every documented key, in the captured order; `callback_urls` left "
        "out when never set",
        "6.1",
        "api:a_room_has_the_documented_keys_in_order",
    ),
    _held(
        "POST /rooms",
        "Defaults as captured; nine digits of `meeting_code`; an instant room expires ten minutes "
        "after it was made",
        "6.1, 6.4",
        "api:defaults_of_a_new_room",
    ),
    _held(
        "POST /rooms",
        "Every field of the table is taken; booleans as text, languages in any case, unknown keys "
        "ignored",
        "6.3",
        "api:what_is_asked_for_is_kept",
    ),
    _held(
        "POST /rooms",
        "`expires_at` in every spelling of official clients; naive is UTC, cut to milliseconds",
        "6.4",
        "api:expiry_in_every_spelling",
    ),
    _held(
        "POST /rooms",
        "400 InputValidationError in Joi's words: missing, blank or overlong names, unknown words, "
        "long_term without and instant with `expires_at`, no more than ten minutes ahead, more "
        "than a year ahead, URLs that are not http",
        "6.3, 6.4, 10",
        "api:what_breaks_a_rule_is_refused",
    ),
    _held(
        "POST /rooms",
        "At most 200 characters of name and 500 of metadata, 365 days: limits are inclusive",
        "6.1, 6.4",
        "api:limits_are_inclusive",
    ),
    _held(
        "POST /rooms",
        "The year can be switched off: no document proves that it was enforced",
        "6.4, own",
        "api:one_year_can_be_switched_off",
    ),
    _held(
        "POST /rooms",
        "400 for a theme that is not there; null is none",
        "6.3",
        "api:a_theme_that_does_not_exist_is_refused",
        "themes:a_room_s_theme_must_be_there",
    ),
    _held(
        "POST /rooms",
        "403 in family A at the configured maximum of rooms",
        "4, 6.3, own",
        "api:the_maximum_of_rooms",
    ),
    _held(
        "any body",
        "400 for what is no JSON or no object; 413 beyond 64 KiB",
        "10, own",
        "api:bodies_that_cannot_be_read",
    ),
    _held(
        "POST /rooms/{id}/host_url",
        "Makes all host links of a room worthless that were given out before",
        "own",
        "api:another_host_link",
        "api:the_final_api_had_no_other_host_link",
    ),
    _held(
        "`_links.host_url`",
        "A new participant_token at each reading: HS256 with a kid, the same participantId, no exp",
        "6.2",
        "api:the_host_link_is_made_anew_at_each_reading",
    ),
    _held(
        "`_links`",
        "On the server's own external address; the segment of a theme's `short_company_url` before "
        "the rest, from the next reading on",
        "6.2, 8.2",
        "api:links_begin_with_the_external_url",
        "themes:the_links_of_a_themed_room",
        "themes:links_follow_the_theme_at_the_next_read",
    ),
    _not_held(
        "`_links`",
        "Both links carry the `meeting_code`",
        "6.2",
        "They carry 128 random bits: nine digits can be guessed. The code is for dialling in.",
    ),
    _held(
        "`_links`",
        "No id and no code in a link",
        "own",
        "api:links_carry_neither_id_nor_code",
    ),
    _held(
        "GET, PATCH, DELETE /rooms/{id}",
        "404 NotFoundError for a room that is not there, or another application's",
        "6.8, 6.5",
        "api:an_unknown_room",
    ),
    _held(
        "PATCH /rooms/{id}",
        "200 and the whole room; nested objects are merged; what cannot be changed is ignored",
        "6.5",
        "api:a_change_is_merged",
    ),
    _held(
        "PATCH /rooms/{id}",
        "A callback URL is taken away by null",
        "own",
        "api:callback_urls_can_be_taken_away",
    ),
    _held(
        "PATCH /rooms/{id}",
        '400 `"update_details" must have at least 1 key`; the wrapper is needed; rules of expiry '
        "as on creating",
        "6.5, 6.4",
        "api:changes_that_break_a_rule",
    ),
    _held(
        "PATCH /rooms/{id}",
        "400 BadRequestError for an instant room, `because of its type: temporary`",
        "6.5",
        "api:an_instant_room_cannot_be_changed",
    ),
    _held(
        "PATCH /rooms/{id}",
        "400 for a room that has expired",
        "own",
        "api:an_expired_room_cannot_be_changed",
    ),
    _held(
        "DELETE /rooms/{id}",
        "204 without a body, then 404 (beta)",
        "6.6",
        "api:deleting",
    ),
    _held(
        "DELETE /rooms/{id}",
        "404 in the final API, and the room stays",
        "6.6",
        "api:strict_v1_deletes_nothing",
    ),
    _held(
        "DELETE /rooms/{id}",
        "409 for a room in use unless `?force=true`",
        "own",
        "api:an_occupied_room_is_deleted_by_force_only",
    ),
    _held(
        "life of a room",
        "Instant: ten minutes unjoined, ten more after the last one left; `expires_at` stays",
        "6.4",
        "api:an_unjoined_instant_room_lives_ten_minutes",
        "api:a_used_instant_room_lives_ten_minutes_longer",
    ),
    _held(
        "life of a room",
        "long_term: until it expires; with `expire_after_use` ten minutes after its use",
        "6.4",
        "api:a_long_term_room_lives_until_it_expires",
        "api:expire_after_use",
    ),
    _held(
        "life of a room",
        "At expiry no new session; the one that runs may finish",
        "6.4, own",
        "api:a_running_session_may_finish",
    ),
    _held(
        "life of a room",
        "Ended rooms are still told, for as long as the server is told to keep them",
        "6.4, own",
        "api:ended_rooms_are_purged",
    ),
    _held(
        "GET /rooms",
        "Envelope in the captured order, `_embedded` flat, whole numbers, absolute links",
        "6.7",
        "api:the_envelope",
    ),
    _held(
        "GET /rooms",
        "Paging by serial: every room once, there and back; `next` left out on the last page",
        "6.7",
        "api:paging_there_and_back",
        "api:serials_are_never_given_twice",
    ),
    _held(
        "GET /rooms",
        "`start_id` inclusive, `end_id` exclusive",
        "6.7",
        "api:the_ends_of_a_range",
    ),
    _held(
        "GET /rooms",
        "400 for ids that are no numbers and for pages below 1; at most 1000 a page, as told",
        "6.7, own",
        "api:queries_that_break_a_rule",
        "api:large_pages_are_cut",
    ),
    _not_held(
        "GET /rooms",
        "Links without a scheme, `next` and `prev` on every page, as captured in beta",
        "6.7",
        "Absolute links, and only those that lead somewhere: two official clients fail on the "
        "others.",
    ),
)

_RECORDINGS: Final = (
    _held(
        "GET /recordings/{id}",
        "200 with the keys in their order; started, paused, stopped, uploaded",
        "7.1",
        "recordings:a_recording_from_start_to_upload",
        "recordings:what_a_status_does_not_allow",
        "recordings:only_what_has_stopped_is_uploaded",
    ),
    _held(
        "recordings",
        "The end of a session stops what records it; what was recorded outlives session, room and "
        "restart",
        "own",
        "recordings:the_last_one_who_leaves_ends_what_records",
        "recordings:a_recording_outlives_its_room",
        "recordings:recordings_outlive_a_restart",
        "recordings:a_folder_that_is_named",
        "events:who_is_told_of_a_recording_when_its_room_is_gone",
    ),
    _held(
        "GET, DELETE /recordings/{id}, GET /sessions/{id}/recordings",
        "404 in the three captured wordings",
        "7.1",
        "recordings:what_is_not_there",
    ),
    _held(
        "DELETE /recordings/{id}",
        "204 without a body; the content goes too, also when it was interrupted",
        "7.1",
        "recordings:deleting_a_recording",
        "events:a_deletion_that_was_interrupted_is_finished",
        "events:a_download_goes_on_when_its_recording_is_deleted",
    ),
    _held(
        "DELETE /recordings/{id}",
        "403 in family A for what is not uploaded",
        "7.1, 10",
        "recordings:what_is_not_uploaded_is_not_deleted",
    ),
    _not_held(
        "DELETE /recordings/{id}",
        "500 for what is not uploaded, as the live service gave in January 2023",
        "7.1",
        "403, as its specification says.",
    ),
    _held(
        "GET /sessions/{id}/recordings",
        "An object with `_embedded.recordings`, no links, no pages",
        "7.1",
        "recordings:the_recordings_of_a_session",
    ),
    _held(
        "`_links.url`",
        "Signed anew at each reading, downloads an mp4 named after room and start, expires",
        "7.1",
        "recordings:a_link_is_signed_anew_at_each_reading",
        "recordings:links_that_are_not_ours",
        "recordings:other_paths_and_methods_of_downloads",
    ),
    _held(
        "`_links.url`",
        "A range of bytes, so that a download can go on, by a newer link too",
        "own",
        "recordings:a_range",
        "recordings:a_range_beyond_the_end",
        "recordings:head",
        "recordings:a_large_download_is_resumed_by_a_newer_link",
    ),
    _held(
        "recordings",
        "A file that is lost, cut or cannot be written is 503, never half a recording",
        "own",
        "events:a_content_that_is_not_what_was_uploaded",
        "events:a_content_that_cannot_be_kept",
        "events:a_disk_that_is_full",
        "events:contents_in_memory_are_gone_at_the_end",
        "events:what_a_kill_left_of_an_upload_is_gone_at_the_next_start",
        "events:what_cannot_be_swept_is_told",
    ),
    _not_held(
        "recordings",
        "`auto_record`: every session is recorded",
        "6.1",
        "Recorded where people meet through what can record; 400 where it cannot (decision 0051); "
        "without any medium kept and told. Test routes make recordings.",
    ),
    _held(
        "/_test",
        "Recordings are made, moved and given their content by test routes",
        "own",
        "recordings:how_often_a_content_is_repeated",
        "events:recording_in_a_room_that_is_not_there",
    ),
    _held(
        "GET /sessions",
        "Keys and order; participants counted; billed minutes added up over them",
        "7.2",
        "api:sessions_are_told",
    ),
    _held(
        "GET /sessions",
        "`is_recorded` and the minutes recorded; filter `recorded`",
        "7.2",
        "recordings:recordings_are_counted_with_their_session",
    ),
    _held(
        "GET /sessions",
        "`from`, `to`, `recorded`, `offset`, `page_size`; a filter by room of our own",
        "7.2",
        "api:sessions_are_filtered_and_paged",
    ),
    _held(
        "GET /sessions",
        "400 for values that cannot be and for `to` before `from`; at most 1000 a page",
        "7.2, own",
        "api:queries_for_sessions_that_break_a_rule",
        "api:large_pages_of_sessions_are_cut",
    ),
    _not_held(
        "GET /sessions",
        "A moment in the future is refused (by the Java client)",
        "7.2",
        "It is taken: clocks differ.",
    ),
    _held(
        "GET /dial-in-numbers",
        "A bare array of number, locale, display_name",
        "7.3",
        "api:dial_in_numbers",
    ),
)

_THEMES: Final = (
    _held(
        "/themes",
        "The theme's keys in their order; 201 on creating; a UUID for a name that is not given",
        "8.1, 8.2",
        "themes:a_theme_has_the_documented_keys_in_order",
        "themes:a_theme_without_a_name_is_given_one",
        "themes:the_account_where_one_is_told",
    ),
    _held(
        "POST, PATCH /themes",
        "400 for a field that breaks its rule; limits are inclusive",
        "8.2",
        "themes:what_breaks_a_rule_is_refused",
        "themes:limits_are_inclusive",
        "themes:bodies_that_are_none",
    ),
    _held(
        "POST, PATCH /themes",
        "409 for a name taken in the application, and for a segment taken anywhere",
        "8.2",
        "themes:a_name_is_unique_in_its_application",
        "themes:a_segment_is_unique_everywhere",
    ),
    _held(
        "POST /themes",
        "403 at the configured maximum of themes",
        "4, 5, own",
        "themes:the_maximum_of_themes",
    ),
    _held(
        "GET /themes",
        "A bare array, empty where there is none",
        "8.2",
        "themes:themes_are_listed_in_the_order_in_which_they_were_made",
    ),
    _held(
        "/themes/{id}",
        "404 `could not find theme …`, also for another application's",
        "8.2",
        "themes:a_theme_that_is_not_there",
        "themes:what_belongs_to_another_application",
    ),
    _held(
        "PATCH /themes/{id}",
        "Wrapped, at least one field; the rest stays",
        "8.2",
        "themes:a_change_leaves_the_rest",
        "themes:a_change_is_wrapped",
    ),
    _held(
        "DELETE /themes/{id}",
        "204; in use 400 with what uses it; `force` in any case, rooms take the default then",
        "8.2",
        "themes:a_theme_that_nobody_uses_is_deleted",
        "themes:force_is_a_boolean",
        "themes:a_theme_in_use_is_deleted_by_force_only",
        "themes:deleting_the_default_theme_by_force_leaves_none",
        "themes:rooms_that_are_over_hold_no_theme",
    ),
    _held(
        "/rooms",
        "A theme for long_term rooms; for instant ones where the server is not strict",
        "8.2",
        "themes:the_theme_of_an_instant_room",
    ),
    _held(
        "GET /themes/{id}/rooms",
        "Paged as rooms; 404 in words of its own",
        "6.7",
        "themes:the_rooms_of_a_theme_are_paged_as_rooms_are",
        "themes:the_rooms_of_a_theme_that_is_not_there",
    ),
    _held(
        "PATCH /applications",
        "New rooms take the theme; wrapped or flat; 400 for one that is not there",
        "8.4",
        "themes:new_rooms_take_the_default_theme",
        "themes:the_default_theme_may_be_named_flat",
        "themes:an_application_is_told_a_theme",
        "themes:a_default_theme_that_is_not_there",
    ),
    _held(
        "/themes, /applications",
        "405 and 401 as everywhere; all of it outlives a restart",
        "10, own",
        "themes:wrong_methods_and_no_credentials",
        "themes:themes_outlive_a_restart",
    ),
    _held(
        "GET /themes/logos-upload-urls",
        "Three places, fields in their order",
        "8.3",
        "logos:places_in_their_order",
        "logos:leave_is_asked_for_with_credentials",
    ),
    _held(
        "POST of an upload",
        "204 for fields verbatim and the file last; 403 in XML otherwise",
        "8.3",
        "logos:an_upload_as_a_client_library_sends_it",
        "logos:fields_may_be_spelt_in_any_case_and_order",
        "logos:each_field_is_held_to_the_policy",
        "logos:a_field_that_the_policy_does_not_know",
        "logos:another_server_s_leave_is_not_ours",
        "logos:leave_ends",
        "logos:what_is_no_form",
        "logos:sizes",
        "logos:the_place_takes_nothing_but_forms",
    ),
    _held(
        "PUT /themes/{id}/finalizeLogos",
        "200 `OK` as text; keys and addresses in the theme; a key is good once",
        "8.3",
        "logos:pictures_become_a_theme_s",
        "logos:a_key_is_good_once",
        "logos:a_new_picture_takes_the_place_of_the_old",
        "logos:of_two_of_one_type_the_later_stays",
    ),
    _held(
        "PUT /themes/{id}/finalizeLogos",
        "400 with an entry a key: not found, size, type, dimensions, background",
        "8.3",
        "logos:what_a_picture_has_to_be_like",
        "logos:limits_are_inclusive",
        "logos:what_is_no_list_of_keys",
        "logos:another_application_s_keys_and_themes",
        "logos:a_theme_that_is_not_there",
    ),
    _held(
        "logos",
        "What waits is bounded and expires; pictures go with their theme and outlive a restart",
        "own",
        "logos:what_waits_is_bounded",
        "logos:what_waits_expires",
        "logos:pictures_go_with_their_theme",
        "logos:only_pictures_of_themes_are_shown",
        "logos:pictures_outlive_a_restart",
        "logos:uploads_are_no_part_of_the_request_log",
    ),
)

_COMMON: Final = (
    _held(
        "every route",
        "401 `Missing Auth` without a header, `Unauthorized` for bad credentials: title and detail",
        "3.3, 10",
        "api:without_a_header",
        "api:bad_credentials",
    ),
    _held(
        "every route",
        "RS256; no exp is 15 minutes, at most a day; a minute of skew; unknown claims ignored",
        "3.1",
        "api:good_credentials",
        "api:a_token_wears_out",
    ),
    _held(
        "every route",
        "Under /v1/meetings, /beta/meetings and /meetings, with and without a slash at the end",
        "2",
        "api:every_generation_of_the_base_path",
    ),
    _held(
        "every route",
        "404 and 405 in family A; JSON, and the date of the server's clock",
        "4, 10",
        "api:unknown_paths",
        "api:wrong_methods",
        "api:headers",
    ),
    _held(
        "every route",
        "Each answer is one that `/openapi.json` describes; what is read is what it describes",
        "own",
        "described:it_is_served",
        "described:every_route_is_described",
        "described:its_schemas_are_lawful",
        "described:what_is_read_is_what_is_described",
        "described:what_is_described_of_a_query_is_read",
        "described:every_event_is_as_described",
        "asked:every_answer_is_described",
    ),
    _held(
        "every route",
        "The last official Python client works unchanged, over https",
        "3.2, 13",
        "official:rooms",
        "official:what_it_raises",
        "official:somebody_else",
        "official:recordings_and_dialling_in",
        "official:themes",
        "official:its_check_of_signatures",
    ),
    _not_held(
        "every route",
        "429 with a limit of requests (none is documented)",
        "4",
        "No limit; the hostile mode answers 429.",
    ),
)

_CALLBACKS: Final = (
    _held(
        "rooms, sessions",
        "`room:expired`, `session:*`, `session:participant:*`: keys in their order",
        "9.2",
        "callbacks:events_as_documented",
        "callbacks:the_ticker_expires_rooms_that_nobody_asks_for",
        "callbacks:deleting_by_force_ends_the_session",
    ),
    _held(
        "recordings",
        "`recording:started`, `ended`, `uploaded`: keys in their order, seconds, a link",
        "9.2",
        "events:events_as_documented",
        "events:whole_seconds_are_whole_numbers",
    ),
    _held(
        "callback URLs",
        "The room's own, kind by kind, else the application's",
        "9.1",
        "callbacks:a_rooms_own_urls_come_first",
        "callbacks:nobody_asked",
    ),
    _held(
        "delivery",
        "2xx is taken; all else comes again, doubled each time up to an hour, for a day",
        "9.3, own",
        "callbacks:what_is_not_taken_comes_again",
        "callbacks:the_schedule",
        "callbacks:after_a_day_it_is_given_up",
        "callbacks:a_restart_loses_none",
    ),
    _held(
        "delivery",
        "A receiver that is away, slow or wrong holds up nobody for long; redirects are not "
        "followed",
        "own",
        "callbacks:one_that_is_not_taken_holds_up_no_other",
        "callbacks:a_receiver_that_is_away",
        "callbacks:a_receiver_that_is_away_holds_up_nobody",
        "callbacks:a_receiver_that_does_not_answer",
        "callbacks:an_address_that_is_none",
        "callbacks:where_nobody_is",
        "callbacks:redirects_are_not_followed",
    ),
    _held(
        "callback URLs",
        "A room's own are asked at public addresses, and at those that the operator allows",
        "own",
        "callbacks:what_rooms_name_is_no_way_to_private_addresses",
    ),
    _held(
        "delivery",
        "A store that cannot be written loses no event",
        "own",
        "callbacks:a_store_that_fails_is_tried_again",
        "callbacks:a_queue_that_cannot_be_emptied_is_tried_again",
    ),
    _held(
        "signing",
        "HS256 as Vonage signs webhooks, where it is configured",
        "9.3",
        "callbacks:signed_callbacks",
        "callbacks:a_name_in_an_address_gives_way_to_a_signature",
        "callbacks:callbacks_are_unsigned_and_bare_by_default",
    ),
    _held(
        "metadata",
        "In a header that the configuration names, and in none otherwise",
        "9.4",
        "callbacks:metadata_in_a_header",
    ),
    _not_held(
        "callback URLs",
        "Other methods than POST",
        "9.1",
        "POST always, as the documents recommend.",
    ),
    _not_held(
        "participants",
        "`type` beside `is_host`",
        "9.2",
        "Left out, as in what was captured.",
    ),
)

#: Everything, by its heading.
CLAIMS: Final[Mapping[str, tuple[Claim, ...]]] = {
    "Every route": _COMMON,
    "Rooms": _ROOMS,
    "Recordings, sessions, dialling in": _RECORDINGS,
    "Themes, logos, the application": _THEMES,
    "Callbacks": _CALLBACKS,
}
