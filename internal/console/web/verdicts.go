package web

import (
	"cmp"
	"slices"

	operator "heddle/internal/operator/wire"
	"heddle/internal/swf/wire"
)

// verdictsOf are the first verdicts of executions, by their runs; nil: the visitor may not know.
func (v *visit) verdictsOf(all []wire.WorkflowExecutionInfo) (map[string]*operator.FirstVerdict, error) {
	if len(all) == 0 {
		return nil, nil
	}
	in := &operator.ListVerdictsInput{Domain: v.Domain}
	for i := range all {
		in.Executions = append(in.Executions, operator.RunOfDomain{WorkflowID: all[i].Execution.WorkflowID, RunID: all[i].Execution.RunID})
	}
	out, err := call[operator.ListVerdictsOutput](v, "heddle", "ListVerdicts", in)
	if denied(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	of := map[string]*operator.FirstVerdict{}
	for i := range out.Verdicts {
		of[text(out.Verdicts[i].Execution.RunID)] = &out.Verdicts[i]
	}
	return of, nil
}

// share is what some executions have in common, and how many they are.
type share struct {
	Word   string
	Severe bool
	N      int64
	Like   string // the sentence about one of them
	Path   string // of that
}

// shares are words by number, the most frequent first.
type shares struct {
	Of     int64 // how many were looked at
	More   bool  // there are more
	Barred bool
	All    []share
}

func (s *shares) add(v *visit, word string, of *operator.FirstVerdict) {
	s.Of++
	i := slices.IndexFunc(s.All, func(one share) bool { return one.Word == word })
	if i < 0 {
		i = len(s.All)
		s.All = append(s.All, share{
			Word: word, Severe: of.Severe && of.Reason == nil, Like: of.Text, Path: v.place().Execution(text(of.Execution.WorkflowID), text(of.Execution.RunID)),
		})
	}
	s.All[i].N++
}

func (s *shares) sort() {
	slices.SortStableFunc(s.All, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Word, b.Word))
	})
}

// sharesLooked is how many executions are looked at for what they have in common.
const sharesLooked = 50

// whyOpen tells what those wait for that have been open longest.
func (v *visit) whyOpen() (s shares, err error) {
	size, oldest := int64(sharesLooked), true
	out, err := call[wire.WorkflowExecutionInfos](v, "swf", "ListOpenWorkflowExecutions", &wire.ListOpenWorkflowExecutionsInput{
		Domain: v.Domain, MaximumPageSize: &size, ReverseOrder: &oldest,
	})
	return v.shares(out, err, func(of *operator.FirstVerdict) string { return statusWord(of.Code) })
}

// whyFailed tells why those failed that did so last.
func (v *visit) whyFailed(since wire.Timestamp) (s shares, err error) {
	size := int64(sharesLooked)
	out, err := call[wire.WorkflowExecutionInfos](v, "swf", "ListClosedWorkflowExecutions", &wire.ListClosedWorkflowExecutionsInput{
		Domain: v.Domain, MaximumPageSize: &size, CloseTimeFilter: &wire.ExecutionTimeFilter{OldestDate: since},
		CloseStatusFilter: &wire.CloseStatusFilter{Status: wire.CloseStatusFailed},
	})
	return v.shares(out, err, func(of *operator.FirstVerdict) string { return cmp.Or(text(of.Reason), "no reason was given") })
}

func (v *visit) shares(out *wire.WorkflowExecutionInfos, err error, word func(*operator.FirstVerdict) string) (s shares, _ error) {
	if denied(err) {
		return shares{Barred: true}, nil
	}
	if err != nil {
		return s, err
	}
	of, err := v.verdictsOf(out.ExecutionInfos)
	if err != nil || of == nil {
		return shares{Barred: len(out.ExecutionInfos) > 0}, err
	}
	for i := range out.ExecutionInfos {
		if one := of[out.ExecutionInfos[i].Execution.RunID]; one != nil {
			s.add(v, word(one), one)
		}
	}
	s.More = out.NextPageToken != nil
	s.sort()
	return s, nil
}
