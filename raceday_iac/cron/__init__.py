"""Cron expressions as Appwrite reads them: which are valid, and when they run. All times are UTC, to the minute.

Appwrite 1.8.1 and 1.9.6 leave both to the PHP library dragonmantank/cron-expression 3.4.0, and the library has habits
of its own: ranges do not wrap, `5/15` is refused, a list that is not in order loses runs. This package gives the
library's answers, also the odd ones; the tests hold it to recorded ones. (The main branch of 2026-08 checks with the
same library; its scheduler is a new one, which was not looked at.) It is the one reader of crons for stack, lint,
`schedule`, health, simulation and embedded server, so it imports nothing of any of them.

Two questions are kept apart. `next_run` is what the library answers at one instant. `Cron.runs_on` and `runs_between`
are what the scheduler starts: once a minute it asks for the next run from now on, and starts what is due within the
minute (ScheduleFunctions.php of 1.8.1 and 1.9.6). The two differ where the answer depends on the instant: asked at
20:30, `30 20,8 * * *` comes next at 20:30 of the next day; asked at 08:29, at 08:30. So it starts at both.

`fields` is what each field takes and stands for, `expression` when that comes, `advice` what people should know of it.
"""

from .expression import Cron, CronError, cron_problem, next_run, parse
from .fields import Impossible, NoNextRun, Unworkable

__all__ = ["Cron", "CronError", "Impossible", "NoNextRun", "Unworkable", "cron_problem", "next_run", "parse"]
