package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"heddle/internal/engine"
)

const (
	// silentAfter is how long somebody must not have polled before it is said of whom has a
	// task that he may be dead.
	silentAfter = engine.Time(5 * 60 * 1000)
	// knownFor is how long it is known of a list that somebody polled it.
	knownFor = engine.Time(15 * 60 * 1000)
	// loopsAfter is how many decision tasks in a row end alike before it is a loop.
	loopsAfter = 5
	// verdictsMax is how many verdicts there are at most.
	verdictsMax = 20
)

// Diagnose gives the verdicts, the most severe first; of one kind the oldest. There is one
// at least.
func Diagnose(f *Facts) []Verdict {
	d := diagnosis{Facts: f}
	switch {
	case f.Quarantined:
		d.say(Verdict{
			Code: Quarantined,
			Text: "Its rules have failed, so it takes no more commands until the server is restarted.",
			Do:   "Restart the server, and keep the line of the server's log that names the run: it is a fault of the server.",
		})
	case !f.IsOpen:
		d.closed()
	default:
		d.refusals()
		d.parked()
		d.loop()
		d.tasks()
		d.others()
		d.limits()
		d.idle()
	}
	slices.SortStableFunc(d.all, func(a, b Verdict) int {
		return cmp.Compare(slices.Index(codes, a.Code), slices.Index(codes, b.Code))
	})
	return d.all[:min(len(d.all), verdictsMax)]
}

// diagnosis is one that is being made.
type diagnosis struct {
	*Facts
	all []Verdict
}

func (d *diagnosis) say(v Verdict) { d.all = append(d.all, v) }

// sayOnce says a verdict, or that the one of the same key holds of one more.
func (d *diagnosis) sayOnce(said map[string]int, key string, v func() Verdict) {
	if i, is := said[key]; is {
		d.all[i].More++
		return
	}
	said[key] = len(d.all)
	d.say(v())
}

func (d *diagnosis) tasks() {
	said := map[string]int{}
	for i := range d.Execution.Tasks {
		k := &d.Execution.Tasks[i]
		if k.Waits && k.List != "" {
			list := d.Lists[k.Full]
			if d.polled(list) {
				d.sayOnce(said, "backlog "+k.Full, func() Verdict { return d.backlog(k, list) })
			} else {
				d.sayOnce(said, "no worker "+k.Full, func() Verdict { return d.noWorker(k, list) })
			}
		} else {
			code, verdict := d.held(k)
			d.sayOnce(said, fmt.Sprint(code, " ", k.Kind, " ", k.Name, " ", k.Holder), func() Verdict { return verdict })
		}
		if k.Kind == Activity && len(k.Deadlines) == 0 {
			d.sayOnce(said, "unlimited "+k.Name, func() Verdict { return d.unlimited(k) })
		}
	}
}

// polled tells whether somebody polls a list, or did so lately that he may be at work.
func (d *diagnosis) polled(l List) bool {
	return l.Polls > 0 || l.Polled != 0 && d.Now < l.Polled+2*d.PollHold
}

func (d *diagnosis) noWorker(k *Task, l List) Verdict {
	waits := fmt.Sprintf("%s waits on %s for %s", k.words(), listWords(k), d.since(k.ScheduledAt))
	nobody := ""
	switch {
	case l.Polled == 0 && d.Now >= max(k.ScheduledAt, d.Up)+knownFor:
		nobody = "; nobody polls it, nor has in the last 15 min"
	case l.Polled == 0 && k.ScheduledAt >= d.Up:
		nobody = "; nobody polls it, nor has since the start"
	case l.Polled == 0:
		nobody = fmt.Sprintf("; nobody polls it, nor has since the server started %s ago", d.since(d.Up))
	case l.Last != "":
		nobody = fmt.Sprintf("; nobody polls it: %s was the last, %s ago", l.Last, d.since(l.Polled))
	default:
		nobody = fmt.Sprintf("; nobody polls it: the last poll was %s ago", d.since(l.Polled))
	}
	v := Verdict{Code: NoWorker, Text: first(waits+nobody) + ".", Event: k.Scheduled, List: k.List}
	worker := "a worker"
	if k.Kind == Decision {
		worker = "a decider"
	}
	if len(l.Alike) > 0 {
		var alike []string
		for _, a := range l.Alike {
			polls := plural(a.Polls, "poll", "polls")
			if a.Polls == 0 {
				polls = "lately"
			}
			alike = append(alike, fmt.Sprintf("%q (%s)", a.Name, polls))
		}
		v.Do = fmt.Sprintf("Is the name right? Polled is %s. Else start %s that polls %q.", strings.Join(alike, ", "), worker, k.listName())
	} else {
		v.Do = fmt.Sprintf("Start %s that polls %q, or see whether those that should are alive and ask for that name.", worker, k.listName())
	}
	if len(k.Deadlines) > 0 {
		v.Until = k.Deadlines[0].At
		v.Do += fmt.Sprintf(" %s ends the wait %s.", k.Deadlines[0].Timeout, d.in(v.Until))
	}
	return v
}

func (d *diagnosis) backlog(k *Task, l List) Verdict {
	v := Verdict{Code: Backlog, Event: k.Scheduled, List: k.List}
	waits := first(fmt.Sprintf("%s waits on %s for %s, which is polled", k.words(), listWords(k), d.since(k.ScheduledAt)))
	switch {
	case !l.Told || l.Ahead == nil:
		v.Text = waits + "; all who poll it have other tasks."
	default:
		ahead := l.Ahead(k.Priority, k.ScheduledAt)
		v.Text = fmt.Sprintf("%s; at most %s before it, and %d started in the last minute", waits, plural(ahead, "task is", "tasks are"), l.OutAMinute)
		if ahead == 0 {
			v.Text = fmt.Sprintf("%s; it is the next, and %d started in the last minute", waits, l.OutAMinute)
		}
		if l.OutAMinute > 0 {
			v.Text += ", so it may wait for " + Span(engine.Time(ahead+1)*60*1000/engine.Time(l.OutAMinute)) + " yet."
		} else {
			v.Text += "."
		}
	}
	v.Do = "More workers shorten the wait."
	if len(k.Deadlines) > 0 {
		v.Until = k.Deadlines[0].At
	}
	return v
}

// held is the verdict on a task in somebody's hands, or in the server's own.
func (d *diagnosis) held(k *Task) (Code, Verdict) {
	v := Verdict{Code: Held, Event: cmp.Or(k.Started, k.Scheduled), List: k.List}
	switch k.Kind {
	case Lambda, Integration:
		v.Code = LambdaRuns
		since, how := k.ScheduledAt, "waits to be called"
		if k.Started != 0 {
			since, how = k.Since, "is called"
		}
		if k.Kind == Integration {
			v.Code = Held
			how = strings.ReplaceAll(how, "called", "done by the server")
		}
		v.Text = first(fmt.Sprintf("%s %s, for %s%s.", k.words(), how, d.since(since), d.ends(k, &v)))
		return v.Code, v
	case Callback:
		v.Text = first(fmt.Sprintf("%s waits for %s for whoever has its task token%s.", k.words(), d.since(k.ScheduledAt), d.ends(k, &v)))
		v.Do = "It goes on with SendTaskSuccess or SendTaskFailure."
		return v.Code, v
	}
	who := "a poller without an identity"
	if k.Holder != "" {
		who = k.Holder
	}
	text := fmt.Sprintf("%s is with %s for %s", k.words(), who, d.since(k.Since))
	if k.Attempt > 1 {
		text += fmt.Sprintf(", its attempt %d", k.Attempt)
	}
	switch {
	case k.BeatAt != 0:
		text += fmt.Sprintf(", heard of %s ago", d.since(k.BeatAt))
		if k.BeatDetails != nil && *k.BeatDetails != "" {
			text += " (" + short(*k.BeatDetails) + ")"
		}
	case k.Kind == Activity:
		text += ", without a heartbeat"
	}
	if k.CancelRequested {
		text += ", asked to cancel"
	}
	if silent, last := d.silent(k); silent {
		v.Code = HolderSilent
		text += "; " + last + ": it is at work, or dead"
		if len(k.Deadlines) == 0 {
			v.Text = first(text) + ". No timeout frees the task: it may be for ever."
			v.Do = "See whether that process lives. If not, end the wait from outside (signal, cancel or terminate the execution), and give the type a heartbeat timeout."
			return v.Code, v
		}
		v.Do = "See whether that process lives; if it is dead, the timeout frees the task."
	}
	v.Text = first(text+d.ends(k, &v)) + "."
	return v.Code, v
}

// ends says what ends a task, if anything does.
func (d *diagnosis) ends(k *Task, v *Verdict) string {
	if len(k.Deadlines) == 0 {
		return ""
	}
	v.Until = k.Deadlines[0].At
	return fmt.Sprintf("; %s would end it %s", k.Deadlines[0].Timeout, d.in(v.Until))
}

// silent tells whether who holds a task gives no sign of life: no heartbeat, and no poll.
func (d *diagnosis) silent(k *Task) (silent bool, last string) {
	if d.Now < max(k.Since, k.BeatAt)+silentAfter || d.Now < d.Up+silentAfter {
		return false, ""
	}
	seen := d.Holders[k.Holder]
	switch {
	case k.Holder == "" || seen.Waits:
		return false, ""
	case seen.Last == 0:
		return true, "nobody of that name has polled any list for 15 min or more"
	case d.Now >= seen.Last+silentAfter:
		return true, "it last polled a list " + d.since(seen.Last) + " ago"
	}
	return false, ""
}

func (d *diagnosis) unlimited(k *Task) Verdict {
	state := "is in a worker's hands"
	if k.Waits {
		state = "waits"
	}
	return Verdict{
		Code: Unlimited, Event: k.Scheduled, List: k.List,
		Text: first(fmt.Sprintf("%s %s and no timeout would end that: %s.", k.words(), state, none(k.Lacking))),
		Do:   "Give the type or the decision a timeout; for workers that may die a heartbeat timeout serves best.",
	}
}

// none says which timeouts are NONE.
func none(lacking []string) string {
	if len(lacking) == 0 {
		return "it has none"
	}
	verb := "are"
	if len(lacking) == 1 {
		verb = "is"
	}
	return strings.Join(lacking, ", ") + " " + verb + " NONE"
}

// refusals is about answers of the decider, and other calls, that were refused.
func (d *diagnosis) refusals() {
	started := engine.Time(0)
	for i := range d.Execution.Tasks {
		if k := &d.Execution.Tasks[i]; k.Kind == Decision && k.Started != 0 {
			started = k.Since
			d.decisionRefused(k)
		}
	}
	n := 0
	var last *Refusal
	for i := range d.Refusals {
		if r := &d.Refusals[i]; r.Throttled && d.Now < r.At+10*60*1000 && (started == 0 || r.Action != respondDecision) {
			if last == nil {
				last = r
			}
			n++
		}
	}
	if n > 0 {
		d.say(Verdict{
			Code: Throttled,
			Text: fmt.Sprintf("In the last 10 min %s for it were refused by rate, the last, %s, %s ago.", plural(n, "call", "calls"), last.Action, d.since(last.At)),
			Do:   "Clients should wait longer between tries; the rate is a setting of the server.",
		})
	}
}

const respondDecision = "RespondDecisionTaskCompleted"

func (d *diagnosis) decisionRefused(k *Task) {
	n := 0
	var last *Refusal
	for i := range d.Refusals {
		if r := &d.Refusals[i]; r.Action == respondDecision && r.At >= k.Since {
			if last == nil {
				last = r
			}
			n++
		}
	}
	if n == 0 {
		return
	}
	v := Verdict{Code: DecisionRefused, Event: k.Started, List: k.List}
	by := ""
	if last.Principal != "" {
		by = " of " + last.Principal
	}
	v.Text = fmt.Sprintf("The decider's answer%s was refused %s, last %s ago: %s%s.", by, plural(n, "time", "times"), d.since(last.At), last.Code, said(last.Text))
	v.Do = "Mend the decider: its decisions were not taken, and nothing happens until it answers."
	if len(k.Deadlines) > 0 {
		v.Until = k.Deadlines[0].At
		v.Do += " The task goes out again " + d.in(v.Until) + "."
	}
	d.say(v)
}

func (d *diagnosis) loop() {
	l := d.Execution.Loop
	if l.Count <= loopsAfter {
		return
	}
	v := Verdict{Code: DeciderLoops}
	if l.Of == "" {
		v.Text = fmt.Sprintf("The last %d decision tasks timed out one after the other: deciders take them and do not answer in time.", l.Count)
		v.Do = "See the decider's own log: it dies or hangs over this history."
	} else {
		v.Text = fmt.Sprintf("The last %d decision tasks all ended in %s with %s%s.", l.Count, l.Of, l.Cause, said(l.Text))
		v.Do = "The decider decides the same again and again: mend the decision, or what it lacks."
	}
	d.say(v)
}

// flowMark begins what package flow has sealed, or keeps elsewhere.
const flowMark = "flow+"

// parked is for code that package flow runs and that could not decide.
func (d *diagnosis) parked() {
	if d.Parked.Event == 0 {
		return
	}
	why, _, _ := strings.Cut(d.Parked.Why, "\ngoroutine ") // a panic's stack is in the event
	if strings.HasPrefix(why, flowMark) {
		why = "the reason is sealed, as its payloads are; the worker's hook Parked is told it."
	}
	v := Verdict{
		Code: DecisionParked, Event: d.Parked.Event, Text: "The workflow's code could not decide: " + why,
		Do: "Repair the code; the worker tries again by itself within half an hour, and at once for the signal flow.retry.",
	}
	for _, w := range d.Waits {
		if strings.HasPrefix(w.Name, "flow.retry-") {
			v.Until = w.Until
			v.Do = fmt.Sprintf("Repair the code; the worker tries again %s, and at once for the signal flow.retry.", d.in(w.Until))
		}
	}
	d.say(v)
}

// others is about what goes on by itself, or in another execution.
func (d *diagnosis) others() {
	said := map[string]int{}
	for _, w := range d.Waits {
		v := Verdict{Event: w.Event, Until: w.Until}
		switch {
		case w.Retry > 0:
			v.Code, v.Text = Retry, fmt.Sprintf("State %s is tried again %s, for the %s time.", w.Name, d.in(w.Until), ordinal(w.Retry+1))
		case d.Service == "swf":
			v.Code, v.Text = TimerRuns, fmt.Sprintf("Timer %s fires %s.", w.Name, d.in(w.Until))
		default:
			v.Code, v.Text = Waiting, fmt.Sprintf("State %s waits; it goes on %s.", w.Name, d.in(w.Until))
		}
		d.sayOnce(said, string(v.Code), func() Verdict { return v })
		if i := said[string(v.Code)]; w.Until < d.all[i].Until { // the soonest is told
			v.More = d.all[i].More
			d.all[i] = v
		}
	}
	for _, c := range d.Children {
		name := cmp.Or(c.WorkflowID, ShortARN(c.ARN))
		v := Verdict{Code: ChildRuns, Event: c.Event, Child: c.Ref}
		switch {
		case !c.Started:
			v.Text = fmt.Sprintf("Child %s is being started.", name)
		case c.Verdict.Code == "":
			v.Text = fmt.Sprintf("It waits for its child %s.", name)
		default:
			v.Text = fmt.Sprintf("It waits for its child %s. There: %s", name, c.Verdict.Text)
			v.Do = c.Verdict.Do
		}
		d.sayOnce(said, "child", func() Verdict { return v })
	}
}

func ordinal(n int64) string {
	switch n % 100 {
	case 11, 12, 13:
		return fmt.Sprintf("%dth", n)
	}
	switch n % 10 {
	case 1:
		return fmt.Sprintf("%dst", n)
	case 2:
		return fmt.Sprintf("%dnd", n)
	case 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

func (d *diagnosis) limits() {
	if d.EventsMax > 0 && d.Events*100 >= d.EventsMax*80 {
		d.say(Verdict{
			Code: NearLimit,
			Text: fmt.Sprintf("Its history has %d of at most %d events; at the end of them the execution is closed.", d.Events, d.EventsMax),
			Do:   "Continue as a new execution, or end it, before that.",
		})
	}
	open := map[Kind]int{}
	for i := range d.Execution.Tasks {
		open[d.Execution.Tasks[i].Kind]++
	}
	for _, k := range []Kind{Activity, Lambda} {
		if most := d.OpenMax[k]; most > 0 && open[k]*100 >= most*80 {
			d.say(Verdict{
				Code: NearLimit,
				Text: fmt.Sprintf("It has %d of at most %d open tasks of kind %s; decisions that schedule more fail.", open[k], most, k),
				Do:   "Schedule less at a time.",
			})
		}
	}
}

// idle is for an execution of which nothing else is to be told.
func (d *diagnosis) idle() {
	e := d.Execution
	if len(e.Tasks) > 0 || len(e.Waits) > 0 || len(e.Children) > 0 {
		return
	}
	if d.Service != "swf" {
		d.say(Verdict{Code: Moving, Text: "It is between two states and goes on by itself."})
		return
	}
	if len(e.CodeWaits) > 0 {
		d.codeWaits()
		return
	}
	v := Verdict{Code: DeciderIdle, Until: e.TimesOut}
	v.Text = "Nothing is open: the last decision scheduled nothing. Only a signal or a cancel request can move it"
	if e.DecidedAt != 0 {
		v.Text = fmt.Sprintf("Nothing is open: the last decision, %s ago, scheduled nothing. Only a signal or a cancel request can move it", d.since(e.DecidedAt))
	}
	if e.TimesOut != 0 {
		v.Text += "; its timeout ends it " + d.in(e.TimesOut)
	}
	v.Text += "."
	v.Do = "If it should wait for a signal, all is well. Else the decider has a gap: what it has seen last asks for a decision that it does not make."
	d.say(v)
}

// codeWaits is for code of package flow that waits, and nothing is open: it knows what for.
func (d *diagnosis) codeWaits() {
	v := Verdict{Code: Waiting, Until: d.TimesOut, Text: "Its code waits at " + strings.Join(d.CodeWaits, ", ") + ", and nothing is open: a signal or a cancel request moves it"}
	if d.TimesOut != 0 {
		v.Text += "; its timeout ends it " + d.in(d.TimesOut)
	}
	v.Text += "."
	d.say(v)
}

// bad are statuses of executions that did not end well.
var bad = []string{"FAILED", "TIMED_OUT", "TERMINATED", "ABORTED"}

func (d *diagnosis) closed() {
	e, f := d.Execution, d.Failure
	if !slices.Contains(bad, e.Status) {
		d.say(Verdict{Code: Closed, Event: f.Event, Text: fmt.Sprintf("It is closed as %s since %s.", e.Status, Moment(e.Closed))})
		return
	}
	v := Verdict{Code: FailedBy, Event: cmp.Or(f.Led, f.Event)}
	v.Text = fmt.Sprintf("It closed as %s %s ago", e.Status, d.since(e.Closed)) + said(f.Reason)
	if f.Details != "" {
		v.Text += " (" + short(f.Details) + ")"
	}
	if v.Text += "."; f.Led != 0 {
		v.Text += fmt.Sprintf(" Before that %s %s%s", f.LedBy, f.LedHow, said(f.LedReason))
		if f.LedDetails != "" {
			v.Text += " (" + short(f.LedDetails) + ")"
		}
		v.Text += fmt.Sprintf(", event %d.", f.Led)
	}
	if e.Status == "TIMED_OUT" && len(e.Tasks) > 0 {
		k := &e.Tasks[0]
		how := "was with " + cmp.Or(k.Holder, "a worker")
		if k.Started == 0 {
			how = "waited on " + listWords(k)
		}
		v.Text += fmt.Sprintf(" Then %s %s, since %s before.", k.words(), how, Span(e.Closed-max(k.Since, k.ScheduledAt)))
		if n := len(e.Tasks) - 1; n > 0 {
			v.Text += fmt.Sprintf(" %s open, too.", plural(n, "more task was", "more tasks were"))
		}
	}
	d.say(v)
}

// first makes a sentence begin with a large letter.
func first(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
