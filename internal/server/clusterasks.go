package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"heddle/internal/cluster"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/matching"
	"heddle/internal/service"
)

// Questions that nodes ask each other for people. What is given and answered is JSON, which
// nodes of other releases read as far as they know it.
const (
	askLists    = "lists"
	askList     = "list"
	askIdentity = "identity"
	askRefusals = "refusals"
	askStatus   = "status"
	askKeyUse   = "key-use"
)

// askFor is how long the others have to answer: whoever asks is a person who waits.
const askFor = 2 * time.Second

type (
	listsAsked struct {
		Prefix, After string
		Most          int
	}
	listsTold struct {
		Page []matching.Listed
		More bool
	}
	listAsked struct {
		List  string
		Tasks int
	}
	identityAsked struct{ Account, Identity string }
	identityTold  struct {
		Last  engine.Time
		Waits bool
	}
	refusalsAsked struct{ Account string }
	keyUseAsked   struct{ Account, Key string }
)

// answerNode answers what another node, or this one, is asked.
func (s *Server) answerNode(what string, given []byte) ([]byte, error) {
	here := overview{s}
	switch what {
	case askLists:
		return answerOf(given, func(a listsAsked) (told listsTold) {
			told.Page, told.More = s.matcher.Lists(a.Prefix, a.After, a.Most)
			return told
		})
	case askList:
		return answerOf(given, func(a listAsked) matching.View { return s.matcher.Look(a.List, a.Tasks) })
	case askIdentity:
		return answerOf(given, func(a identityAsked) (told identityTold) {
			told.Last, told.Waits = s.matcher.IdentitySeen(a.Account, a.Identity)
			return told
		})
	case askRefusals:
		return answerOf(given, func(a refusalsAsked) []service.Refusal { return s.refused.of(a.Account) })
	case askKeyUse:
		return answerOf(given, func(a keyUseAsked) account.Use { return s.directory.LastUseHere(a.Account, a.Key) })
	case askStatus:
		return answerOf(given, func(struct{}) service.Status { return here.own() })
	}
	return nil, fmt.Errorf("this node does not know the question %q", what)
}

func answerOf[A, T any](given []byte, do func(A) T) ([]byte, error) {
	var a A
	if err := json.Unmarshal(given, &a); err != nil {
		return nil, fmt.Errorf("read a question: %w", err)
	}
	return json.Marshal(do(a))
}

// told is what a node has answered.
type told[T any] struct {
	member cluster.Answer
	value  T
	err    error
}

// askAll asks all nodes. Of those that can't be asked the log tells.
func askAll[T any](s *Server, what string, given any) (all []told[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	b, err := json.Marshal(given)
	if err != nil {
		panic(fmt.Sprintf("server: a question of %T: %v", given, err))
	}
	for _, a := range s.cluster.AskAll(ctx, what, b) {
		one := told[T]{member: a, err: a.Err}
		if one.err == nil {
			one.err = json.Unmarshal(a.Value, &one.value)
		}
		if one.err != nil {
			s.cfg.Log.Warn("a node does not tell what it knows, and what is shown lacks that", "node", a.Member.Name, "question", what, "cause", one.err)
		}
		all = append(all, one)
	}
	return all
}

// allLists are the task lists of all nodes. One that has moved has pollers at several, as long
// as they are remembered.
func (s *Server) allLists(prefix, after string, n int) (page []matching.Listed, more bool) {
	byName := map[string]matching.Listed{}
	for _, t := range askAll[listsTold](s, askLists, listsAsked{prefix, after, n}) {
		more = more || t.value.More
		for _, l := range t.value.Page {
			if was, there := byName[l.List]; there {
				l = together(was, l)
			}
			byName[l.List] = l
		}
	}
	for _, l := range byName {
		page = append(page, l)
	}
	slices.SortFunc(page, func(a, b matching.Listed) int { return cmp.Compare(a.List, b.List) })
	if len(page) > n {
		page, more = page[:n], true
	}
	return page, more
}

func together(a, b matching.Listed) matching.Listed {
	a.Polls, a.Claims, a.Backlog, a.In, a.Out = a.Polls+b.Polls, a.Claims+b.Claims, a.Backlog+b.Backlog, a.In+b.In, a.Out+b.Out
	if a.Oldest == 0 || b.Oldest != 0 && b.Oldest < a.Oldest {
		a.Oldest = b.Oldest
	}
	a.Polled = max(a.Polled, b.Polled)
	return a
}

// listWhereItIs is a list as the node sees it that has it.
func (s *Server) listWhereItIs(full string, tasks int) (v matching.View) {
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	b, err := json.Marshal(listAsked{full, tasks})
	if err == nil {
		b, err = s.cluster.AskOwner(ctx, full, askList, b)
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		s.cfg.Log.Warn("the node that has a task list does not tell of it, and it is shown as empty", "cause", err)
		return matching.View{Listed: matching.Listed{List: full}}
	}
	return v
}

// seenAnywhere is when an identity was seen by any node.
func (s *Server) seenAnywhere(account, identity string) (last engine.Time, waits bool) {
	for _, t := range askAll[identityTold](s, askIdentity, identityAsked{account, identity}) {
		last, waits = max(last, t.value.Last), waits || t.value.Waits
	}
	return last, waits
}

// usedAnywhere is when an access key was used last, at any node.
func (s *Server) usedAnywhere(owner, key string) (last account.Use) {
	for _, t := range askAll[account.Use](s, askKeyUse, keyUseAsked{owner, key}) {
		if t.value.At.After(last.At) {
			last = t.value
		}
	}
	return last
}

// allRefusals are those of all nodes, the newest first.
func (s *Server) allRefusals(account string) (all []service.Refusal) {
	for _, t := range askAll[[]service.Refusal](s, askRefusals, refusalsAsked{account}) {
		all = append(all, t.value...)
	}
	slices.SortStableFunc(all, func(a, b service.Refusal) int { return cmp.Compare(b.At, a.At) })
	return all
}

// members tells how the nodes are.
func (s *Server) members(status *service.Status) {
	seen, vacant := s.cluster.Members()
	status.Node, status.Vacant = s.cfg.Cluster.Node, vacant
	answers := map[string]told[service.Status]{}
	for _, t := range askAll[service.Status](s, askStatus, struct{}{}) {
		answers[t.member.Member.ID] = t
	}
	for _, m := range seen {
		one := service.Member{Name: m.Name, Address: m.Address, Self: m.Self, Linked: m.Linked, Leaving: m.Leaving, Shards: m.Shards}
		if t, asked := answers[m.ID]; !asked {
			one.Error = "it was not asked"
		} else if t.err != nil {
			one.Error = t.err.Error()
		} else {
			one.Status = &t.value
		}
		status.Members = append(status.Members, one)
	}
}

// standbys tells of those of the database.
func (s *Server) standbys() (all []service.Standby) {
	if s.postgres == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askFor)
	defer cancel()
	for home := range s.homeCount() {
		if s.database.at(home) == nil || s.database.away(home) != nil {
			continue
		}
		found, err := s.database.at(home).Standbys(ctx)
		if err != nil {
			if _, told := s.standbysUnseen.LoadOrStore(home, true); !told {
				s.cfg.Log.Warn("the standbys of the database can't be seen; whoever asks for them is shown none", "cause", err)
			}
			continue
		}
		s.standbysUnseen.Delete(home)
		for _, one := range found {
			if name := s.database.name(home); name != "" {
				one.Name = name + ": " + one.Name
			}
			all = append(all, service.Standby(one))
		}
	}
	return all
}
