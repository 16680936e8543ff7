"""Every key of the store and how long it lives, on one page.

All keys begin with `<prefix>:{<partition>}`: the braces are Redis Cluster's hash tag, so that the keys one script
touches stand in one slot. There is one partition now.

Classes of lifetime:
- content (turns, threads, counts, screens, addresses, mutes, opinions): `content_seconds`, 7 days unless set, from the
  last write, or up to a hundredth less.
- settings (preferences, whom we have met, the logs' key): 400 days from their last use. They are no content but
  choices, which must outlast a long absence; more than a year, so that what is used once a year stays. What nobody
  uses goes all the same.
- dedupe: the platforms redeliver for minutes; a day is kept, and never less than an hour.
- queue: refreshed together by every script that touches a thread's queue, and longer than any job can wait; what was
  refreshed within the hour may be left alone.
- slots: as long as any of a server's slots can be held without a renewal; kept by those who have one or wait.
- rates: a second longer than the latest call, hold or pause in it counts.
- gateways: a session of Discord's for an hour (Discord keeps one for minutes), who has it for a few seconds, and the
  places that are caught up in as long as content.
- schema: as long as the queue; written again at every start.
- quotas: a window's counter an hour longer than the window; what a job was answered for a day, which is longer than
  any question waits for its model.
"""

from __future__ import annotations

from dataclasses import dataclass

from conversation.model import ThreadId

SCHEMA_VERSION = 3  # 3: an older program would find no messages in a job

DAY_SECONDS = 86_400
DEDUPE_SECONDS = DAY_SECONDS
QUEUE_SECONDS = 30 * DAY_SECONDS
SLOT_SECONDS = 120  # longer than any lease; an embedded model's name comes never again, so its keys must go
GATEWAY_SECONDS = 3600
QUOTA_SECONDS = DAY_SECONDS
QUOTA_MARGIN_SECONDS = 3600
SETTING_SECONDS = 400 * DAY_SECONDS
GROUP = "workers"


def split_address(address: ThreadId) -> tuple[str, str]:
    """An address as `places` knows it: its workspace or server, and the rest of its text."""
    platform, tenant, rest = str(address).split(":", 2)
    return f"{platform}:{tenant}", rest


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds key names."""

    prefix: str = "corral"
    partition: str = "0"
    content_seconds: int = 7 * DAY_SECONDS

    @property
    def base(self) -> str:
        """What every key begins with; scripts append the rest, as the methods below do."""
        return f"{self.prefix}:{{{self.partition}}}"

    # --- queue
    def schema(self) -> str:
        """string: the version of this layout"""
        return f"{self.base}:schema"

    def ready(self, lane: str) -> str:
        """stream: one entry for each conversation of this platform that a worker may claim or has claimed"""
        return f"{self.base}:ready:{lane}"

    def unslotted(self) -> str:
        """sorted set: conversations that stand in the ready stream and got no slot of the model yet, each as
        `<lane>:<person>`, a zero byte and its id, all of one score so that a person's stand together; and "" """
        return f"{self.base}:unslotted"

    def parked(self, lane: str, person: str) -> str:
        """list: conversations of this person that are announced, in order, when others of theirs have got a slot"""
        return f"{self.base}:parked:{lane}:{person}"

    def backlog(self) -> str:
        """sorted set: ids of jobs that are not settled, by time of acceptance (milliseconds)"""
        return f"{self.base}:backlog"

    def dead(self) -> str:
        """stream: dead letters, the newest thousand"""
        return f"{self.base}:dead"

    def signals(self) -> str:
        """channel: `<reason> <conversation id>` for the worker that answers there"""
        return f"{self.base}:signals"

    def claimed(self, worker: str) -> str:
        """string: the token of this worker's last claim and what it read, as long as that may be asked for again:
        `<token>`, then for each entry ` <lane> <entry> <conversation>`"""
        return f"{self.base}:claimed:{worker}"

    def mailbox(self, conversation_id: str) -> str:
        """list: job ids in order; the head stays until it is settled"""
        return f"{self.base}:mailbox:{conversation_id}"

    def lease(self, conversation_id: str) -> str:
        """hash: fence (outlives the jobs), owner, token and job of the running claim, lane and entry of the
        conversation in its ready stream, `<lane>:<person>` while it stands unslotted or in that person's parked, the
        server that it has a slot of or stands in line for, and the last settled claim as `<fence>:<how>`"""
        return f"{self.base}:lease:{conversation_id}"

    def job(self, job_id: str) -> str:
        """hash: conversation, lane, author, command, accepted_at, last_at and last_sent (of its last message),
        revision, crashes, stop, checkpoint, progress, closing, and `message:<number>` for each of its messages as
        JSON, in order"""
        return f"{self.base}:job:{job_id}"

    # --- slots
    def slots(self, server: str) -> str:
        """sorted set: conversations whose answers a model's server makes now, by when the slot runs out (seconds)"""
        return f"{self.base}:slots:{server}"

    def line(self, server: str) -> str:
        """sorted set: conversations that wait for a slot, by when they came into the ready stream (milliseconds);
        answers that have begun before all others"""
        return f"{self.base}:line:{server}"

    def heard(self, server: str) -> str:
        """sorted set: the same conversations, by when they lose their place if nothing is heard of them"""
        return f"{self.base}:heard:{server}"

    def slots_channel(self) -> str:
        """channel: ids of conversations that may have a slot now, if they ask"""
        return f"{self.base}:slots"

    # --- rates
    def rates(self, allowance: str) -> str:
        """sorted set: calls to a platform (`c<id>`), holds (`h<name>`) and its pause (`p`), by when each stops counting
        (milliseconds)"""
        return f"{self.base}:rates:{allowance}"

    # --- gateways
    def gateway(self, bot: str) -> str:
        """string: where a listener left off in the gateway's stream of events, as JSON"""
        return f"{self.base}:gateway:{bot}"

    def gateway_owner(self, bot: str) -> str:
        """string: the process that listens for this bot"""
        return f"{self.base}:gateway-owner:{bot}"

    def gateway_marks(self, bot: str) -> str:
        """sorted set: places of this bot, by when what was last seen there was written (milliseconds)"""
        return f"{self.base}:gateway-marks:{bot}"

    # --- quotas
    def quota(self, owner: str, period_seconds: int, window: int) -> str:
        """hash: requests and tokens of this person, channel or tenant in one window: that which begins `window` periods
        after 1970"""
        return f"{self.base}:quota:{owner}:{period_seconds}:{window}"

    def quota_job(self, job_id: str) -> str:
        """hash: verdict (`admitted`, or `<scope> <unit> <period> <amount> <free at>` of the bound that refused it), and
        `tokens:<revision>`, what it was said to have used"""
        return f"{self.base}:quota-job:{job_id}"

    # --- settings
    def preferences(self, owner: str) -> str:
        """string: what a channel or a person has set, as JSON"""
        return f"{self.base}:preferences:{owner}"

    def met(self, person: str) -> str:
        """string: the job that brought this person's first answer"""
        return f"{self.base}:met:{person}"

    def log_key(self) -> str:
        """string: bytes with which the logs of all processes digest people's and places' ids"""
        return f"{self.base}:log-key"

    # --- dedupe
    def seen(self, key: str) -> str:
        """string: `<job> <conversation>` that a message, by its key or a dedupe key, became part of; and after its
        removal what that answered, so that a repeated removal answers the same; `- -` for one that was removed
        before it came"""
        return f"{self.base}:seen:{key}"

    def begun(self, name: str) -> str:
        """string: there while something is being done that must not be done twice, and as long as it may come again"""
        return f"{self.base}:begun:{name}"

    # --- content
    def address(self, address: str) -> str:
        """string: the conversation that a platform's thread belongs to"""
        return f"{self.base}:address:{address}"

    def places(self, within: str) -> str:
        """sorted set: the addresses of a workspace or server (`<platform>:<tenant>`), each as the rest of its text, by
        when it surely is no more (seconds)"""
        return f"{self.base}:places:{within}"

    def muted(self, address: str) -> str:
        """string: there while this service speaks at the address only when it is mentioned"""
        return f"{self.base}:muted:{address}"

    def feedback(self, exchange: str) -> str:
        """hash: person -> opinion of the exchange's answer, with what it was made with, as JSON"""
        return f"{self.base}:feedback:{exchange}"

    def thread(self, conversation_id: str) -> str:
        """hash: system_prompt and preferences (JSON, when any are) as they are pinned, cut, next_seq, forgotten_at, and
        `counts:<fingerprint>` for each of its counts keys"""
        return f"{self.base}:thread:{conversation_id}"

    def turns(self, conversation_id: str) -> str:
        """hash: turn id -> turn as JSON"""
        return f"{self.base}:turns:{conversation_id}"

    def order(self, conversation_id: str) -> str:
        """sorted set: turn ids by their place in the thread"""
        return f"{self.base}:order:{conversation_id}"

    def counts(self, conversation_id: str, fingerprint: str) -> str:
        """hash: digest of a turn's text -> its tokens in this vocabulary"""
        return f"{self.base}:counts:{conversation_id}:{fingerprint}"

    def citing(self, source: str) -> str:
        """set: addresses of the threads that this message of elsewhere was read into"""
        return f"{self.base}:citing:{source}"

    def screen(self, conversation_id: str) -> str:
        """hash: message id -> `<order> <what a terminal shows, as JSON>`; the field "" counts the orders given"""
        return f"{self.base}:screen:{conversation_id}"

    def screen_channel(self, conversation_id: str) -> str:
        """channel: message ids of the screen that changed; "" when it was emptied"""
        return f"{self.base}:screen-changed:{conversation_id}"
