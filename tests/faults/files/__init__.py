"""The oracle of followed files: what was written has arrived, whatever was done to agent, files and drain meanwhile.

    python -m tests.faults files --seconds 60 --seed 7

Writers append numbered lines to two files and rotate them at random; the agent is the real command, killed with -9 or
stopped by SIGTERM at random and started again; the drain fails at random. Then all of it stops, the agent runs until
all has arrived or nothing more comes, is stopped by SIGTERM, and runs once more with -follow=false: nothing may come
of that. The last line printed has the sums; the exit code is 1 if the books are wrong.

A run that is wrong ends as soon as that is sure, and leaves in its directory what explains it: `events`, `requests`
with the lines of each, and of the last agents what they said (`agent-7.log`), what they had recorded (`.state`) and
which files there were when they had ended (`.files`).

What the oracle expects, as a drain sees it that keeps the first of several requests with one Logplex-Frame-Id:

- `lost=0`: each line arrives that was written to a file that was renamed, copied before it was truncated, compressed,
  or deleted under a running agent; also what is written to it in the second after the rename.
- `doubled=0`: no line arrives under another id once the drain has said that it took it. `duplicates` is what came again
  under the same id; that is allowed. So is `again`: the drain had failed or been silent each time, so the batch was
  halved, and each half has an id of its own. An agent that is killed takes with it what it had been told, and which
  halves it had made: then a batch comes whole after its halves, or in halves after it was taken.
- `changed=0`: what comes again is what came before, byte for byte, or the rest of it that can still be read.
- `garbled=0`: each message is one line as it was written, or a report.
- `torn` is the beginning of a line, and all that could be read of it before a truncation without a copy; one at most
  for each of them. It stands for its line.
- Of the lines in files that were truncated without a copy, as many are missing as the log says: `missed` it has
  counted unread; `doubtful` were in batches in flight when the agent ended, whose bytes are gone when it starts again,
  so that nobody can say whether they have arrived. So missed <= missing - torn <= missed + doubtful. (Each stretch that
  is `uncounted` is one more in `missed`, and may be of a file that was truncated while no agent ran.)
- `reported`, what the drain was told by L13, is missed + doubtful.

What nobody could do is not asked for, so the writers and whoever kills keep to some rules:

- Lines that are written between the copy and the truncation of a copytruncate are gone. Nothing is written there.
- What is deleted unread while no agent has it open is gone, and so is all that an agent has not read of a deleted file
  when it ends. A file is deleted only while the agent has it open, and the agent is not ended until all of it has
  arrived. (`gone` counts what is truncated while no agent runs: this does happen here, and is not looked for.)
- A line that vanishes before the agent could look at it is counted by nobody. Before a truncation without a copy the
  writer waits for a second: a new line is seen within 250 ms.
- What is found by its content needs a place to begin at: after a deletion or a truncation without a copy no agent ends
  and nothing is rotated until a line of what was written next has arrived.
- A file that was rotated away before the first agent looked is not followed. Each is, before it begins.
- Rotated files are kept until all of them and of the two after them has arrived, and six at least.
- The ledger is in memory. The agent is not ended between a miss and its report.
"""
