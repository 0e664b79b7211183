// Package resource names what Step Functions has: state machines with their versions and
// aliases, activities, executions and runs of Map states. It reads ARNs, writes them, and
// says which names may be given.
//
// Source: Service Authorization Reference, "AWS Step Functions"; Step Functions API
// Reference, the names of each action.
package resource

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/internal/aws/arn"
)

// Service is what ARNs and policies call the service.
const Service = "states"

// Type is what kind of thing an ARN names, in the word that it has for it.
type Type string

// The types.
const (
	Machine   Type = "stateMachine" // also a version, or an alias
	Activity  Type = "activity"
	Execution Type = "execution"
	Express   Type = "express" // an execution of an express machine
	MapRun    Type = "mapRun"
)

// Name is what an ARN says.
type Name struct {
	Partition, Region, Account string
	Type                       Type
	// Base is the name of the activity, or of the state machine that all others belong to.
	Base string
	// Label is that of a Map state, behind a slash; empty: none.
	Label string
	// Qualifier is what comes after: of a machine the number of a version, or an alias; of
	// an execution and a map run its name.
	Qualifier string
	// ID is what an express execution has besides.
	ID string
}

// Error says why a text is not the ARN that was wanted, in the service's words.
type Error struct{ Reason string }

func (e *Error) Error() string { return "Invalid Arn: '" + e.Reason + "'" }

// Parse reads an ARN. Errors: *Error.
func Parse(text string) (Name, error) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != Service {
		return Name{}, &Error{"Invalid ARN prefix: " + text}
	}
	parts := strings.Split(a.Resource, ":")
	n := Name{Partition: a.Partition, Region: a.Region, Account: a.Account, Type: Type(parts[0])}
	lengths := map[Type][2]int{Machine: {2, 3}, Activity: {2, 2}, Execution: {3, 3}, Express: {4, 4}, MapRun: {3, 3}}
	bounds, known := lengths[n.Type]
	if !known || len(parts) < bounds[0] || len(parts) > bounds[1] {
		return Name{}, &Error{"Resource type not valid in this context: " + parts[0]}
	}
	for _, p := range parts {
		if p == "" {
			return Name{}, &Error{"Invalid ARN prefix: " + text}
		}
	}
	n.Base = parts[1]
	if n.Type != Activity {
		n.Base, n.Label, _ = strings.Cut(parts[1], "/")
	}
	if len(parts) > 2 {
		n.Qualifier = parts[2]
	}
	if len(parts) > 3 {
		n.ID = parts[3]
	}
	return n, nil
}

// ParseAs reads an ARN of one of some types. Errors: *Error.
func ParseAs(text string, types ...Type) (Name, error) {
	n, err := Parse(text)
	if err != nil {
		return Name{}, err
	}
	for _, t := range types {
		if n.Type == t {
			return n, nil
		}
	}
	return Name{}, &Error{"Resource type not valid in this context: " + string(n.Type)}
}

// Of names a thing in an account and region.
func Of(region, account string, t Type, base string) Name {
	return Name{Partition: arn.Partition(region), Region: region, Account: account, Type: t, Base: base}
}

// ExpressARN is the ARN of an execution of an express machine.
func ExpressARN(region, account, machine, execution, id string) string {
	n := Of(region, account, Express, machine)
	n.Qualifier, n.ID = execution, id
	return n.String()
}

// Labelled is the base with the label, as ARNs have it.
func (n *Name) Labelled() string {
	if n.Label == "" {
		return n.Base
	}
	return n.Base + "/" + n.Label
}

// Qualified is the name of a version or an alias of the machine; without a qualifier that
// of the machine.
func (n Name) Qualified(qualifier string) Name {
	n.Qualifier = qualifier
	return n
}

// In tells whether the thing is of an account and region.
func (n *Name) In(region, account string) bool {
	return n.Region == region && n.Account == account && n.Partition == arn.Partition(region)
}

// String is the ARN.
func (n Name) String() string {
	b := make([]byte, 0, 256) // on the stack: whatever runs is named often
	for _, part := range []string{"arn", n.Partition, Service, n.Region, n.Account, string(n.Type)} {
		b = append(append(b, part...), ':')
	}
	b = append(b, n.Labelled()...)
	for _, more := range []string{n.Qualifier, n.ID} {
		if more != "" {
			b = append(append(b, ':'), more...)
		}
	}
	return string(b)
}

// Version gives the number of a version that a qualifier is; ok is false for an alias.
// Aliases are never numbers.
func Version(qualifier string) (number int64, ok bool) {
	if qualifier == "" || len(qualifier) > 18 || qualifier[0] == '0' {
		return 0, false
	}
	for i := range len(qualifier) {
		if qualifier[i] < '0' || qualifier[i] > '9' {
			return 0, false
		}
		number = number*10 + int64(qualifier[i]-'0')
	}
	return number, true
}

// NameMax is how many characters a name has at most.
const NameMax = 80

// IsName tells whether a machine, an activity or an execution may be called so. How long
// it may be the model says.
func IsName(s string) bool { return !strings.ContainsFunc(s, notInNames) }

func notInNames(r rune) bool {
	switch {
	case strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r), unicode.IsSpace(r):
		return true
	case r <= 0x1f, r >= 0x7f && r <= 0x9f:
		return true
	}
	return r == utf8.RuneError || r == 0xfffe || r == 0xffff || r == utf8.MaxRune
}
