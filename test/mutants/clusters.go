package mutants

// How several nodes share a store. Those marked (!) are the rules without which that failed when it was
// first tried.
var clusters = []Mutant{{
	Name: "fence-counted-afterwards", // (!)
	In:   "pgstore.statementsOf",
	Old:  "(select count(*) from w) = $6::int8 ",
	New:  "(select count(*) from w) + (select count(*) from SCHEMA.shards s, unnest($1::int4[], $3::int8[]) as g(shard, seq) where s.shard = g.shard and s.seq = g.seq) = $6::int8 ",
	Bug:  "A section that repeats a sequence is taken for a written one.",
}, {
	Name: "fence-without-member", // (!)
	In:   "pgstore.statementsOf",
	Old:  " and s.member = $5::text returning 1)",
	New:  " and $5::text is not null returning 1)",
	Bug:  "An owner from before a restart or a restore writes, if its epoch fits by luck.",
}, {
	Name: "commit-outlives-the-lease", // (!)
	In:   "pgstore.(*Store).writing",
	Old:  "life := s.lease.life()",
	New:  "life := context.Background()",
	Bug:  "While PostgreSQL does not answer, callers wait for their commits though others have the shards.",
}, {
	Name: "commit-cancelled", // (!)
	In:   "pgstore.newDialer",
	Old:  "if ctx.Value(ownDial{}) == nil {",
	New:  "if false {",
	Bug:  "A commit that is given up is cancelled, and PostgreSQL shows what no standby has.",
}, {
	Name: "fact-of-the-past-believed", // (!)
	In:   "cluster.(*Cluster).learn",
	Old:  "if epoch < p.epoch || epoch == p.epoch &&",
	New:  "if epoch == p.epoch &&",
	Bug:  "A late word of an earlier owner has a node look for a shard where it no longer is.",
	Then: []string{worlds},
}, {
	Name: "own-by-look", // (!)
	In:   "cluster.(*Cluster).Looked",
	Old:  "c.take(uint16(id))",
	New:  "p.state = owned\n\t\t\tc.learn(uint16(id), o.Epoch, c.me)",
	Bug:  "A node takes for its own what it only looked up, and nobody serves it.",
	Then: []string{worlds},
}, {
	Name: "own-shard-not-taken", // (!)
	In:   "cluster.(*Cluster).Looked",
	Old:  "o.Member == c.me && p.state == elsewhere",
	New:  "o.Member == c.me && p.state == taking",
	Bug:  "A shard whose take-over was answered too late is nobody's until its node ends.",
	Then: []string{worlds},
}, {
	Name: "given-before-released", // (!)
	In:   "shard.(*Shard).depart",
	Old:  "err := handle.Release(ctx)",
	New:  "s.gone(true)\n\t\terr := handle.Release(ctx)\n\t\tif err == nil || true {\n\t\t\treturn err\n\t\t}",
	Bug:  "A shard is given away that the store still says is this node's.",
	Then: []string{worlds},
}, {
	Name: "task-of-a-dead-node-swallowed", // (!)
	In:   "cluster.(*Cluster).offerAgain",
	Old:  "return !here[peer]",
	New:  "return false",
	Bug:  "A task that was on its way to a worker by a node that died waits for its timeout.",
	Then: []string{worlds},
}, {
	Name: "offers-not-sent-anew", // (!)
	In:   "cluster.(*Cluster).announced",
	Old:  "c.offerAll(a.Shard)",
	New:  "",
	Bug:  "When a task list moves, the tasks that wait on it are offered to nobody.",
	Then: []string{worlds},
}, {
	Name: "keys-of-others-unknown", // (!)
	In:   "sealed.(*keyring).findAnew",
	Old:  "if err := r.read(ctx, r.root); err != nil {",
	New:  "if err := error(nil); err != nil {",
	Bug:  "A node can't read what another one wrote with a data key of its own.",
}, {
	Name: "key-lost-to-another", // (!)
	In:   "sealed.(*keyring).begin",
	Old:  "if !errors.Is(err, store.ErrConflict) {",
	New:  "if true {",
	Bug:  "Of two nodes that begin a data key at the same time one can write no more.",
}, {
	Name: "answered-without-a-lease",
	In:   "shard.(*Node).step",
	Old:  "n.done(s, b, n.cfg.Store.Current(s.id), 0)",
	New:  "n.done(s, b, nil, 0)",
	Bug:  "A node that was paused answers from a memory of the past.",
	Then: []string{worlds},
}, {
	Name: "offers-of-the-past",
	In:   "cluster.(*Cluster).fresh",
	Old:  "return epoch == c.from[shard]",
	New:  "return true",
	Bug:  "The last word of an earlier owner takes the offers of the present one away.",
	Then: []string{worlds},
}, {
	Name: "peer-outlives-its-link",
	In:   "cluster.(*Cluster).peer",
	Old:  `fmt.Sprint(member, "#", c.sessions[member])`,
	New:  "fmt.Sprint(member)",
	Bug:  "A task that was started while the link to its worker's node broke and began anew is swallowed.",
	Then: []string{worlds},
}, {
	Name: "lost-to-who-takes-in-vain",
	In:   "shard.(*Node).acknowledgeHere",
	Old:  "s.generation != 0",
	New:  "s.presence == here",
	Bug:  "Acknowledgements go to a shard that can't be taken over here, and its rows stay for ever.",
	Then: []string{worlds},
}, {
	Name: "own-only-if-it-should-be", // (!)
	In:   "cluster.(*Cluster).Looked",
	Old:  "o.Member == c.me && p.state == elsewhere",
	New:  "o.Member == c.me && p.state == elsewhere && wanted(c.able, uint16(id)) != nil && wanted(c.able, uint16(id)).ID == c.me",
	Bug:  "A shard that the store says is this node's, and another one should have, is nobody's.",
	Then: []string{worlds},
}, {
	Name: "given-though-not-released", // (!)
	In:   "cluster.(*Cluster).Gone",
	Old:  "released && h != nil && h.ID != c.me",
	New:  "h != nil && h.ID != c.me",
	Bug:  "A node is told to take a shard that the store says is another's.",
	Then: []string{worlds},
}, {
	Name: "lost-shard-released",
	In:   "shard.(*Shard).leaves",
	Old:  "if p == loses {",
	New:  "if p == away {",
	Bug:  "A node releases a shard that may be another's already.",
	Then: []string{worlds},
}, {
	Name: "messages-to-who-takes-in-vain",
	In:   "shard.(*Node).deliver",
	Old:  "n.shards[m.To].generationNow() == 0",
	New:  "n.shards[m.To].hasLeft()",
	Bug:  "Messages go to a shard that can't be taken over here, and never arrive.",
	Then: []string{worlds},
}, {
	Name: "offers-of-earlier-owners-kept",
	In:   "cluster.(*Cluster).forgetOlder",
	Old:  "c.Matcher.WithdrawShard(shard)",
	New:  "_ = shard",
	Bug:  "Tasks that an earlier owner offered are given to workers, though they are done.",
	Then: []string{worlds},
}, {
	Name: "tasks-of-a-broken-link-kept",
	In:   "cluster.(*Cluster).unlink",
	Old:  "c.offerAgain()",
	New:  "_ = member",
	Bug:  "A task that was on its way to a worker by a link that broke waits for the next look.",
	Then: []string{worlds},
}, {
	Name: "broken-link-tried-again",
	In:   "cluster.(*Cluster).unlink",
	Old:  "a.answer <- Reply{Err: errLinkLost}",
	New:  "a.answer <- Reply{Moved: true}",
	Bug:  "A command whose link broke is done twice.",
	Then: []string{worlds},
}, {
	Name: "unpaced-handover",
	In:   "cluster.(*Cluster).give",
	Old:  "p.state == giving || p.taker != \"\"",
	New:  "p.state == giving",
	Bug:  "A node that leaves hands all its shards to nodes that don't serve them yet, and all calls wait.",
}, {
	Name: "handover-waits-for-the-dead",
	In:   "cluster.(*Cluster).unlink",
	Old:  "p.taker == member",
	New:  "p.taker == member && p.owner == member",
	Bug:  "A node that leaves waits for the taker of some shards, who has died, and keeps the others.",
}, {
	Name: "history-of-before-shown",
	In:   "cluster.(*Cluster).History",
	Old:  "if kept.last != last {",
	New:  "if kept.last > last {",
	Bug:  "A worker is shown a history that lacks its last events.",
}, {
	Name: "history-shown-twice",
	In:   "cluster.(*Cluster).History",
	Old:  "delete(h.runs, run)",
	New:  "_ = run",
	Bug:  "Histories that came with answers stay in memory when they were shown.",
}, {
	Name: "histories-without-bound",
	In:   "cluster.(*histories).keep",
	Old:  "h.runs == nil || h.bytes+len(r.History) > historiesMax",
	New:  "h.runs == nil",
	Bug:  "Histories that nobody came for fill the memory of a node.",
}, {
	Name: "unheard-nodes-own",
	In:   "cluster.eligible",
	Old:  "able = slices.Delete(able, at, at+1)",
	New:  "break",
	Bug:  "Of two nodes that can't reach each other both have shards, and calls fail at one of them.",
}, {
	Name: "loss-not-noticed-by-its-owner",
	In:   "cluster.(*Cluster).stood",
	Old:  "p.state == owned && seq > mine[id]",
	New:  "p.state == taking && seq > mine[id]",
	Bug:  "A node goes on with a shard of which another one knows that acknowledged steps are lost.",
}, {
	Name: "loss-not-noticed-at-a-take-over",
	In:   "pgstore.(*Store).acquire",
	Old:  `return nil, fmt.Errorf("%w: it has %d sections, and %d were acknowledged", store.ErrRegressed, h.seq, told)`,
	New:  "return h, nil",
	Bug:  "A standby that was behind is served from, and answers that acknowledged executions never were.",
}, {
	Name: "loss-not-told",
	In:   "pgstore.members.Heard",
	Old:  "if seq > m.told[uint16(shard)] {",
	New:  "if m.told[uint16(shard)] > 0 && seq > m.told[uint16(shard)] {",
	Bug:  "A node that takes over a shard for the first time does not notice what it lost.",
}, {
	Name: "given-shard-taken-back",
	In:   "cluster.(*Cluster).Looked",
	Old:  "(o.Epoch > p.given || h.looks >= p.after)",
	New:  "true",
	Bug:  "A node takes back the shard that it has just given, by a look from before that.",
	Then: []string{worlds},
}, {
	Name: "taken-before-others-are-heard",
	In:   "cluster.(*Cluster).knows",
	Old:  "!c.heard[m.ID] &&",
	New:  "false &&",
	Bug:  "After a failover that lost steps a shard is served by a node that has not heard of them yet.",
	Then: []string{worlds},
}, {
	Name: "taken-before-others-join-again",
	In:   "cluster.(*Cluster).knows",
	Old:  "h.looks < h.before+rejoinLooks",
	New:  "h == nil",
	Bug:  "After a failover that lost steps the first node that joins again serves all, without asking who knows more.",
	Then: []string{worlds},
}, {
	Name: "forgotten-owners-not-doubted",
	In:   "cluster.(*Cluster).Looked",
	Old:  "c.doubt(h)",
	New:  "_ = h",
	Bug:  "After a failover that lost steps a shard is served by a node that was told of it a second ago, and less is answered than before.",
}, {
	Name: "forgotten-members-not-heard",
	In:   "cluster.(*Cluster).miss",
	Old:  "case c.linked[m.ID]:",
	New:  "case c.linked[\"\"]:",
	Bug:  "After a failover that lost steps the shards of a node which the database has forgotten, and which lives, are served without what it knows of them.",
}, {
	Name: "forgotten-members-not-waited-for",
	In:   "cluster.(*Cluster).miss",
	Old:  "case c.silent[m.ID] == 0:",
	New:  "case false:",
	Bug:  "After a failover that lost steps the shards of a node are served without what it knows, since it is just about to join again.",
}, {
	Name: "heard-by-what-was-on-its-way",
	In:   "cluster.(*Cluster).stood",
	Old:  "if s.Whole {",
	New:  "if !s.Asks {",
	Bug:  "Who is asked what it knows after a failover is taken at what it said before.",
}, {
	Name: "sequences-of-a-second-ago",
	In:   "cluster.(*Cluster).sayAll",
	Old:  "c.said.open, c.Sequences()",
	New:  "c.said.open, c.said.sequences",
	Bug:  "A new link begins with what was known a second ago, and what was lost since is not noticed.",
}, {
	Name: "gift-without-its-sequence",
	In:   "cluster.(*Cluster).Gone",
	Old:  "c.send(c.links, h.ID, &Standing{Sequences: known})",
	New:  "_ = known",
	Bug:  "Who is given a shard does not notice what the store has lost of it in the last second.",
}, {
	Name: "lost-owners-waited-for",
	In:   "cluster.(*Cluster).Looked",
	Old:  "case isLost && p.owner != c.me:",
	New:  "case false:",
	Bug:  "After a failover that lost who owned a shard, all wait for that owner.",
	Then: []string{worlds},
}, {
	Name: "freed-shard-kept",
	In:   "cluster.(*Cluster).Looked",
	Old:  "o.Epoch > p.mine && o.Member != c.me",
	New:  "false",
	Bug:  "A shard whose loss was accepted while a node served it is nobody's, until that node writes.",
	Then: []string{worlds},
}, {
	Name: "numbers-of-lost-messages-again",
	In:   "shard.(*recovered).mend",
	Old:  "q != nil && applied > q.last",
	New:  "q != nil && applied < q.last",
	Bug:  "The first messages after a loss are taken for those that were lost, and dropped.",
}, {
	Name: "lost-messages-waited-for",
	In:   "shard.(*recovered).mend",
	Old:  "m.applied[other] = first - 1",
	New:  "_ = first",
	Bug:  "After a loss a shard waits for messages that were deleted, and all behind them wait too.",
}, {
	Name: "loss-forgotten-at-a-restart",
	In:   "pgstore.(*Store).acquire",
	Old:  "max(s.told[shard], h.lost)",
	New:  "s.told[shard]",
	Bug:  "A loss that nobody has accepted is served from, once all nodes were started anew.",
}, {
	Name: "epochs-given-twice",
	In:   "pgstore.(*Store).acquire",
	Old:  "(extract(epoch from clock_timestamp()) * 1000)::int8",
	New:  "0",
	Bug:  "After a failover an epoch is given a second time, and facts of the first are believed.",
}, {
	Name: "past-read-by-its-owner",
	In:   "pgstore.(*Store).lookFirst",
	Old:  "s.found(known, there)",
	New:  "_ = known",
	Bug:  "Right after a failover that lost steps who has a shard answers that an acknowledged execution never was.",
}, {
	Name: "lost-shard-kept",
	In:   "cluster.(*Cluster).Looked",
	Old:  "p.shut && p.state == owned",
	New:  "p.shut && p.state == taking",
	Bug:  "A node goes on with a shard that it has seen to lack steps.",
	Then: []string{worlds},
}, {
	Name: "shut-shard-waited-for",
	In:   "cluster.(*Cluster).noneHere",
	Old:  "case c.shards[id].shut:",
	New:  "case false:",
	Bug:  "Each call for a shard that lacks steps waits five seconds, and the log does not say why it failed.",
}, {
	Name: "losses-noted-at-each-look",
	In:   "pgstore.(*Store).regressed",
	Old:  "|| !was.stands {",
	New:  "|| true {",
	Bug:  "As long as losses are not accepted each look writes, and memberships end meanwhile.",
}, {
	Name: "pair-task-offered-too",
	In:   "cluster.(*Cluster).offerTo",
	Old:  "case o.taken:",
	New:  "case false:",
	Bug:  "When a task list moves, a task that a poll of its own node has goes to another worker too, whose poll comes back with nothing.",
}, {
	Name: "pair-given-back-to-nobody",
	In:   "cluster.(*hereClaim).End",
	Old:  "if how == matching.Returned {",
	New:  "if how == 0 {",
	Bug:  "A task whose worker had gone, at the node that has its execution, is offered to no other one.",
}, {
	Name: "pair-of-before-offers-again",
	In:   "cluster.(*hereClaim).End",
	Old:  "if c.own[h.list][task{o.List, o.run, o.ID}] != o {",
	New:  "if false {",
	Bug:  "A task that was withdrawn while a poll of its own node had it is offered again.",
}, {
	Name: "pair-swallowed-at-the-end-of-a-poll",
	In:   "cluster.(*Cluster).awaitClaim",
	Old:  "answer = <-far.answer // by which it has ended before",
	New:  "return nil, nil",
	Bug:  "A task that a poll of its own node is given as the poll's time is over stays there.",
}, {
	Name: "pair-passes-over-polls-for-ever",
	In:   "cluster.(*Cluster).isTurnOfOthers",
	Old:  "if c.passes[id] == passesMax {",
	New:  "if false {",
	Bug:  "Workers of nodes that have few executions are given nothing as long as others wait.",
}, {
	Name: "pair-poll-waits-on-elsewhere",
	In:   "cluster.(*Cluster).pairHere",
	Old:  "c.send(c.links, p.member, &PollEnd{ID: p.ticket, Run: o.run, Offer: about})",
	New:  "_ = about",
	Bug:  "Who has a task list gives tasks to polls that are over, again and again, while others wait.",
}, {
	Name: "pair-late-claim-kept",
	In:   "cluster.(*Cluster).Frame",
	Old:  "c.send(c.links, member, &PollEnd{ID: f.ID, How: matching.Returned})",
	New:  "_ = f",
	Bug:  "A task that was on its way to a poll that is over waits until somebody tells of that poll.",
}, {
	Name: "pair-not-counted",
	In:   "cluster.(*Cluster).pollEnded",
	Old:  "if f.Run != (engine.RunID{}) {",
	New:  "if false {",
	Bug:  "The console and the numbers miss the tasks that met a poll of their own node.",
}, {
	Name: "pair-before-a-backlog",
	In:   "cluster.(*Cluster).pairHere",
	Old:  "if _, tasksWait := c.first[o.List]; tasksWait || c.isTurnOfOthers(id) {",
	New:  "if c.isTurnOfOthers(id) {",
	Bug:  "While workers can't keep up, the youngest tasks of a node are served first, and the oldest wait.",
}, {
	Name: "pair-never-after-a-backlog",
	In:   "cluster.(*Cluster).met",
	Old:  "delete(c.first, p.list)",
	New:  "_ = p.list",
	Bug:  "Once tasks have waited on a list, each of its tasks crosses nodes twice for ever.",
}, {
	Name: "take-before-older-ones",
	In:   "cluster.(*Cluster).takeHere",
	Old:  "tasksWait && !rank.IsHardlyAfter(first) || c.isTurnOfOthers(id)",
	New:  "tasksWait && rank == first && !tasksWait || c.isTurnOfOthers(id)",
	Bug:  "While workers can't keep up, those of a node whose tasks are young and not urgent serve these, and old and urgent ones of others wait.",
}, {
	Name: "take-says-nothing",
	In:   "cluster.(*Cluster).takeHere",
	Old:  "c.sendTo(id, &Taken{o.List, o.run, o.ID, c.shards[o.run.Shard()].mine, who})",
	New:  "_ = id",
	Bug:  "A task that a poll of its own node has stays on its list, and goes to workers of others who can't start it.",
}, {
	Name: "take-while-others-wait",
	In:   "cluster.(*Cluster).takeHere",
	Old:  "l == nil || l.polls.Len() > 0 || ctx.Err() != nil",
	New:  "l == nil || l.tasks.Len() == 0 || ctx.Err() != nil",
	Bug:  "A poll that comes later is served before those of its node that have waited.",
}, {
	Name: "take-old-place-kept",
	In:   "cluster.(*Cluster).Offer",
	Old:  "c.waitNoMore(mine)",
	New:  "_ = mine",
	Bug:  "A task whose priority or age has changed is in its node's line twice, and is given to a second worker.",
}, {
	Name: "take-of-a-shard-that-has-gone",
	In:   "cluster.(*Cluster).WithdrawShard",
	Old:  "c.waitNoMore(o)",
	New:  "_ = o.waits",
	Bug:  "Polls are given tasks of executions that another node has.",
}}
