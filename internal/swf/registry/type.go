package registry

import (
	"cmp"
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// TypeKind tells workflow types from activity types.
type TypeKind uint8

const (
	WorkflowType TypeKind = iota + 1
	ActivityType
)

func (s TypeKind) String() string {
	switch s {
	case WorkflowType:
		return "WorkflowType"
	case ActivityType:
		return "ActivityType"
	}
	return fmt.Sprintf("TypeKind(%d)", uint8(s))
}

// TypeID names a type within its domain.
type TypeID struct {
	Kind    TypeKind
	Name    string
	Version string
}

// String is how SWF's faults name a type.
func (id TypeID) String() string {
	return fmt.Sprintf("%s=[name=%s, version=%s]", id.Kind, id.Name, id.Version)
}

// Compare orders types by kind, name and version.
func (id TypeID) Compare(other TypeID) int {
	return cmp.Or(
		cmp.Compare(id.Kind, other.Kind),
		cmp.Compare(id.Name, other.Name),
		cmp.Compare(id.Version, other.Version),
	)
}

// Defaults are what a type gives to executions or tasks that don't say
// otherwise, as they were registered; an empty one is undefined. Workflow types
// have the first six, activity types the last six.
type Defaults struct {
	ExecutionStartToCloseTimeout string
	ChildPolicy                  string
	LambdaRole                   string

	TaskStartToCloseTimeout string
	TaskList                string
	TaskPriority            string

	TaskHeartbeatTimeout       string
	TaskScheduleToStartTimeout string
	TaskScheduleToCloseTimeout string
}

// Type is what the registry knows of a type.
type Type struct {
	ID           TypeID
	Description  string
	Defaults     Defaults
	CreatedAt    engine.Time
	DeprecatedAt engine.Time // by itself or with its domain; zero: it is registered
}

// Bodies of commands for a domain's types. Writing ones reply with the Type as
// it became. Each carries the Sweep of the domain. All but RegisterType and
// ListTypes fail with UnknownTypeError.
type (
	// RegisterType serves RegisterWorkflowType and RegisterActivityType.
	// Errors: TypeExistsError, LimitError.
	RegisterType struct {
		Sweep       Sweep
		ID          TypeID
		Description string
		Defaults    Defaults
	}

	// DeprecateType serves DeprecateWorkflowType and DeprecateActivityType.
	// Errors: TypeDeprecatedError.
	DeprecateType struct {
		Sweep Sweep
		ID    TypeID
	}

	// UndeprecateType serves UndeprecateWorkflowType and UndeprecateActivityType.
	// Errors: TypeExistsError.
	UndeprecateType struct {
		Sweep Sweep
		ID    TypeID
	}

	// DeleteType serves DeleteWorkflowType and DeleteActivityType. It has no
	// reply. Errors: TypeNotDeprecatedError.
	DeleteType struct {
		Sweep Sweep
		ID    TypeID
	}

	// DescribeType serves DescribeWorkflowType and DescribeActivityType, and
	// tells StartWorkflowExecution and decisions the defaults. It replies with a
	// Type.
	DescribeType struct {
		Sweep Sweep
		ID    TypeID
	}

	// ListTypes serves ListWorkflowTypes and ListActivityTypes. It replies with a
	// TypePage.
	ListTypes struct {
		Sweep      Sweep
		Kind       TypeKind
		Name       string // empty: all names
		Deprecated bool
		Reverse    bool
		// After is the name and version of the last type of the page before; an
		// empty name: from the start.
		After TypePosition
		Limit int // 0: PageMax
	}
)

// TypePosition is a place in a list of types.
type TypePosition struct{ Name, Version string }

// TypePage is a part of the types of one kind in order of name, then version.
type TypePage struct {
	Types []Type
	More  bool // the list goes on after the last of Types
}

// entry is a type as the state holds it. Entries are never changed, but
// replaced.
type entry struct {
	Type        // without what its domain's deprecations did to it
	seen uint64 // Sweep.Count when it was last registered or undeprecated
}

// shown is the type as readers see it who know the domain's sweep.
func (e *entry) shown(s Sweep) Type {
	t := e.Type
	if t.DeprecatedAt == 0 && e.seen < s.Count {
		t.DeprecatedAt = s.At
	}
	return t
}

// SortKey is what lists of types are sorted by.
func (e *entry) SortKey() TypeID { return e.ID }

func (id *TypeID) code(c *pack.Coder) {
	c.Byte((*byte)(&id.Kind))
	c.Text(&id.Name)
	c.Text(&id.Version)
}

func (e *entry) code(c *pack.Coder) {
	e.ID.code(c)
	c.Text(&e.Description)
	e.Defaults.code(c)
	e.CreatedAt.Code(c)
	e.DeprecatedAt.Code(c)
	c.Uint(&e.seen)
}

func (d *Defaults) code(c *pack.Coder) {
	c.Text(&d.ExecutionStartToCloseTimeout)
	c.Text(&d.ChildPolicy)
	c.Text(&d.LambdaRole)
	c.Text(&d.TaskStartToCloseTimeout)
	c.Text(&d.TaskList)
	c.Text(&d.TaskPriority)
	c.Text(&d.TaskHeartbeatTimeout)
	c.Text(&d.TaskScheduleToStartTimeout)
	c.Text(&d.TaskScheduleToCloseTimeout)
}
