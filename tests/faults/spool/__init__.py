"""The oracle of the spool: what was read has arrived, whatever was done to agent, drain and disk meanwhile.

    python -m tests.faults spool --faults 200 --lines 1000000 --seed 1

A source writes numbered lines to a pipe. The agent at its other end is the real command with a spool; it is killed with
-9 or stopped at random and the next one gets the same pipe; its disk is full now and then, and its spool is deleted or
cut under it; between two agents the spool is damaged; the drain fails at random. Then all that stops, the pipe ends,
the agent delivers what there is, and one more finds nothing left. The last line printed has the sums; the exit code is
1 if the books are wrong.

What the oracle expects, as a drain sees it that keeps the first of several requests with one Logplex-Frame-Id:

- `lost=0`: each line arrives that was written, but for two kinds, which are counted. `crashed` were read within `-wait`
  and SLACK before a kill -9, or while the agent read what was left of a lost spool; how far was read is known at every
  moment: what was written less what is in the pipe still. And `corrupted` were in the spool when it was damaged or cut,
  or were written to it before an agent came upon that. A spool that is deleted costs nothing: the agent has it open.
- `doubled=0`: no line arrives under another id once the drain has said that it took it; `duplicates` came again under
  the same id. `changed=0`: and they are what came before, byte for byte. `again` came under another id, since the drain
  had failed or been silent each time: such a batch is halved, and each half has an id of its own.
- `torn` are the two parts of a line in the middle of which an agent ended: two at most for each end. `divided` are
  such lines where the agent was stopped.
- No agent drops a line, and each ledger balances. `given_up` are those that agents count as lost: of what was corrupted
  what they find to be so while they run. `reported` is what the drain was told of them, which may be on its way when
  an agent is killed. An agent that was stopped says with exit code 4 that lines are spooled, and with 0 that none are.

What nobody could do is not asked for: what is in memory because the disk is full is gone with a kill -9, so nothing is
killed before the disk is used again.
"""
