package execution

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"heddle/internal/engine"
	"heddle/internal/sfn/resource"
)

// Kind is the kind of execution that these rules are for.
const Kind engine.Kind = "sfn-execution"

// Name is what an execution is called in the kernel. No part can hold a NUL: names of
// machines and executions exclude control characters.
func Name(w engine.World, machine, execution string) engine.Name {
	return engine.Name{World: w, Kind: Kind, Key: machine + "\x00" + execution}
}

// ExpressName is what an execution of an express state machine is called, whose id tells it from
// others of its name. No name of an execution holds a colon.
func ExpressName(w engine.World, machine, execution, id string) engine.Name {
	return Name(w, machine, execution+":"+id)
}

// ExpressARN is such an execution's.
func ExpressARN(w engine.World, machine, execution, id string) string {
	return resource.ExpressARN(w.Region, w.Account, machine, execution, id)
}

// IsExpress tells whether a name is of an execution of an express state machine.
func IsExpress(n engine.Name) bool { return strings.Contains(n.Key, ":") }

// Split takes a name's key apart.
func Split(key string) (machine, execution string) {
	machine, execution, _ = strings.Cut(key, "\x00")
	return machine, execution
}

// ARN is an execution's.
func ARN(w engine.World, machine, execution string) string {
	return resource.Of(w.Region, w.Account, resource.Execution, machine).Qualified(execution).String()
}

// ARNOf is an execution's, by its name in the kernel.
func ARNOf(n engine.Name) string {
	machine, name := Split(n.Key)
	if name, id, express := strings.Cut(name, ":"); express {
		return ExpressARN(n.World, machine, name, id)
	}
	return ARN(n.World, machine, name)
}

// MachineARN is a state machine's.
func MachineARN(w engine.World, machine string) string {
	return resource.Of(w.Region, w.Account, resource.Machine, machine).String()
}

// Group is the quota group of an account's open executions.
func Group(w engine.World) string { return "sfn\x00" + w.Account + "\x00" + w.Region }

// MapRunGroup is the quota group of map runs of a world that have a place, WaitingMapRunGroup that
// of those that wait for one.
func MapRunGroup(w engine.World) string { return "sfn-map-run\x00" + w.Account + "\x00" + w.Region }
func WaitingMapRunGroup(w engine.World) string {
	return "sfn-map-run-waits\x00" + w.Account + "\x00" + w.Region
}

// ActivityList is the full name of the task list of an activity's tasks, by its ARN.
func ActivityList(activity string) string { return "sfn-activity\x00" + activity }

// The lists on which tasks wait for performers.
const (
	LambdaList      = "sfn-lambda"      // of functions
	IntegrationList = "sfn-integration" // that start executions
	CallList        = "sfn-call"        // of services
)

// Token names an open task to whoever it was handed to. Only its execution can make it,
// so that a token which it knows was given by it.
type Token struct {
	Run       engine.RunID
	Scheduled int64 // event id
	Proof     [16]byte
}

func (s *State) token(scheduled int64) Token {
	t := Token{Run: s.id.Run, Scheduled: scheduled}
	var b [24]byte
	copy(b[:], s.id.Run[:])
	binary.BigEndian.PutUint64(b[16:], uint64(scheduled))
	h := hmac.New(sha256.New, s.settings.Secret[:])
	h.Write(b[:])
	copy(t.Proof[:], h.Sum(nil))
	return t
}

// knows tells whether a token is one of the execution's.
func (s *State) knows(t Token) bool {
	own := s.token(t.Scheduled)
	return hmac.Equal(own.Proof[:], t.Proof[:])
}

// tokenFormat is the first byte of a token.
const tokenFormat = 1

// String is the token as clients carry it.
func (t Token) String() string {
	b := make([]byte, 0, 48)
	b = append(b, tokenFormat)
	b = append(b, t.Run[:]...)
	b = append(b, t.Proof[:]...)
	b = binary.AppendUvarint(b, uint64(t.Scheduled))
	return base64.StdEncoding.EncodeToString(b)
}

// ParseToken reads what String gives.
func ParseToken(s string) (t Token, ok bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) < 34 || b[0] != tokenFormat {
		return t, false
	}
	copy(t.Run[:], b[1:])
	copy(t.Proof[:], b[17:])
	n, size := binary.Uvarint(b[33:])
	t.Scheduled = int64(n)
	return t, size == len(b)-33 && t.Scheduled > 0 && t.String() == s
}
