package execution

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"heddle/internal/engine"
)

// Kind is the kind of execution that these rules are for.
const Kind engine.Kind = "swf"

// Key composes a name's key. Neither part can hold a NUL: the service's naming
// rules exclude control characters.
func Key(domain, workflowID string) string { return domain + "\x00" + workflowID }

// Split takes a name's key apart.
func Split(key string) (domain, workflowID string) {
	domain, workflowID, _ = strings.Cut(key, "\x00")
	return domain, workflowID
}

// Name is what an execution is called in the kernel.
func Name(w engine.World, domain, workflowID string) engine.Name {
	return engine.Name{World: w, Kind: Kind, Key: Key(domain, workflowID)}
}

// Group is the quota group of a domain's open executions.
func Group(w engine.World, domain string) string {
	return w.Account + "\x00" + w.Region + "\x00" + domain
}

// DecisionList is the full name of a task list of decision tasks.
func DecisionList(w engine.World, domain, name string) string {
	return "decision\x00" + w.Account + "\x00" + w.Region + "\x00" + domain + "\x00" + name
}

// ActivityList is the full name of a task list of activity tasks.
func ActivityList(w engine.World, domain, name string) string {
	return "activity\x00" + w.Account + "\x00" + w.Region + "\x00" + domain + "\x00" + name
}

// LambdaList is the list on which all Lambda tasks wait for their performer.
const LambdaList = "lambda"

// runPrefix begins each runId on the wire.
const runPrefix = "22"

// FormatRun writes a run as the wire carries it: a check sum fills its 16 bytes
// up to the service's 32.
func FormatRun(run engine.RunID) string {
	sum := sha256.Sum256(run[:])
	var b [32]byte
	copy(b[:], run[:])
	copy(b[16:], sum[:])
	return runPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// ParseRun reads what FormatRun wrote. A runId that we never gave is refused, so
// it can't reach another run by accident.
func ParseRun(s string) (engine.RunID, bool) {
	var run engine.RunID
	if len(s) != len(runPrefix)+44 || s[:len(runPrefix)] != runPrefix {
		return run, false
	}
	b, err := base64.StdEncoding.DecodeString(s[len(runPrefix):])
	if err != nil || len(b) != 32 {
		return run, false
	}
	copy(run[:], b)
	if FormatRun(run) != s {
		return engine.RunID{}, false
	}
	return run, true
}
