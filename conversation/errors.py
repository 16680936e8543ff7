"""Everything that can go wrong on purpose, one class for each decision that a caller makes.

CorralError
├── Refused                  the message is not accepted; `user_notice` tells the person why
│   ├── MessageTooLong
│   ├── NotAllowed           who asks may not, or not here
│   ├── NotSettable          a preference that cannot be kept; `sentences` tells why, for each
│   └── QueueFull            this thread's or the whole queue's bound is reached
├── PromptError              the dialog or the model has no valid prompt
│   ├── InvalidDialog        roles do not alternate, or the last turn is not the user's
│   ├── UnsupportedModel     this model needs another template, or lacks the ability
│   └── PromptTooLong        even the last turn alone does not fit the window
├── ModelError               the model's side
│   ├── ModelUnavailable     it does not answer (yet): wait and ask again
│   ├── ModelOverloaded      it has too much to do: wait and ask again
│   ├── ModelRefused         it will never take this request: tell the person
│   └── StreamCut            it broke off what it had begun: go on from what there is, a few times
├── StoreUnavailable         nothing was stored: do not acknowledge the message
├── SchemaTooNew             a newer program wrote this store
├── LeaseLost                another worker owns the job now
└── DeliveryError            a platform did not take a write; `certain` says whether it surely did not
    ├── Paced                its limits have no room yet: nothing was sent, ask again
    ├── Unreachable          it is away, or broken: ask again, for hours if need be
    └── Unwritable           it never will, here: the channel is archived, we were removed
        └── QuestionGone     the question was deleted: nobody waits for its answer
"""

from __future__ import annotations

from collections.abc import Mapping


class CorralError(Exception):
    """`user_notice` is a whole sentence for the person, `retry_after_seconds` a hint from the other side.

    `detail` is for the log: it holds nothing that a person or a model wrote. What the other side said in its own words
    may repeat that, and is kept apart as `quoted`; the text of the error has both.
    """

    user_notice: str = "Something went wrong on my side. Please ask again."

    def __init__(
        self,
        detail: str = "",
        *,
        user_notice: str | None = None,
        retry_after_seconds: float | None = None,
        quoted: str = "",
    ) -> None:
        self.detail, self.quoted = detail or type(self).__name__, quoted
        super().__init__(f"{self.detail}: {quoted}" if quoted else self.detail)
        if user_notice is not None:
            self.user_notice = user_notice
        self.retry_after_seconds = retry_after_seconds


class Refused(CorralError):
    """Not accepted, and nothing was stored."""


class NotAllowed(Refused):
    """The person is not among those who may ask."""


class MessageTooLong(Refused):
    """Longer than MAX_INPUT_CHARS."""


class NotSettable(Refused):
    """Preferences that cannot be kept. `sentences` has the name of each field and why."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__("; ".join(sentences), user_notice=" ".join(sentences.values()))
        self.sentences = sentences


class QueueFull(Refused):
    user_notice = "Too many questions are waiting already. Please ask again in a few minutes."


class PromptError(CorralError):
    """No valid prompt exists."""


class InvalidDialog(PromptError, ValueError):
    """Roles do not alternate user/assistant after at most one system turn, or the last is not the user's."""


class UnsupportedModel(PromptError):
    """The model's name tells that it cannot do what was asked."""


class PromptTooLong(PromptError):
    user_notice = "Your question is too long for this model, even shortened. Please send less of it."


class ModelError(CorralError):
    user_notice = "The model could not answer. Please try again."


class ModelUnavailable(ModelError):
    user_notice = "The model is not running at the moment. Please ask again later."


class ModelOverloaded(ModelError):
    user_notice = "The model has too much to do at the moment. Please ask again in a minute."


class ModelRefused(ModelError):
    """A wrong key, a request out of bounds: asking again changes nothing."""


class StreamCut(ModelError):
    user_notice = "The answer was cut off."


class StoreUnavailable(CorralError):
    user_notice = "I cannot store your question at the moment. Please send it again in a minute."


class SchemaTooNew(CorralError):
    """The store was written by a newer version of this program."""


class LeaseLost(CorralError):
    """This worker was too slow, or was stopped: whatever it still wants to write is void."""


class DeliveryError(CorralError):
    """A platform did not take a write."""

    def __init__(
        self,
        detail: str = "",
        *,
        certain: bool,
        user_notice: str | None = None,
        retry_after_seconds: float | None = None,
        quoted: str = "",
    ) -> None:
        super().__init__(detail, user_notice=user_notice, retry_after_seconds=retry_after_seconds, quoted=quoted)
        self.certain = certain  # False: it may be there all the same; look before writing again


class Paced(DeliveryError):
    """Nothing was sent: the platform's limits have room again after `retry_after_seconds`."""

    def __init__(self, detail: str, *, retry_after_seconds: float) -> None:
        super().__init__(detail, certain=True, retry_after_seconds=retry_after_seconds)


class Unreachable(DeliveryError):
    """The platform could not be asked, gave no answer, or failed by itself. That is not about this write."""


class Unwritable(DeliveryError):
    """Nothing can be written in this place, now or later. `user_notice` says why."""

    def __init__(self, detail: str, *, user_notice: str) -> None:
        super().__init__(detail, certain=True, user_notice=user_notice)


class QuestionGone(Unwritable):
    """The question itself was deleted, which the platform has not told us yet."""
