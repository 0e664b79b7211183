package emit

import (
	"fmt"
	"slices"
	"strings"
)

func (g *generator) types() {
	if g.mayBeNull() {
		g.p("// missingSelf marks an element of a list that was null.\nconst missingSelf = 1 << %d\n", g.maskBits-1)
	}
	for s := range g.structures {
		if !g.hasType(s) {
			continue
		}
		switch {
		case g.isInput(s):
			g.p("// %s is what %s takes.", s.Name, strings.Join(g.inputs[s.Name], " and "))
		case s.Exception:
			g.p("// %s is a fault.", s.Name)
		}
		g.p("type %s struct {", s.Name)
		for i := range s.Members {
			f := &s.Members[i]
			t := g.goType(f.Shape)
			switch {
			case f.streams() && g.given[s.Name]:
				t = g.std("io", "ReadCloser")
			case f.streams():
				t = g.std("io", "Reader")
			case f.pointer():
				t = "*" + t
			}
			g.p("%s %s", f.field(), t)
		}
		if g.hasMask(s) {
			g.p("\nmissing uint%d", g.maskBits)
		}
		g.p("}\n")
	}
}

// hasType tells whether the structure is written. Of faults in the query protocol those
// are not that have nothing but a message.
func (g *generator) hasType(s *shape) bool {
	return g.protocol != protocolQuery || !s.Exception || slices.ContainsFunc(s.Members, func(f member) bool {
		return !strings.EqualFold(f.Name, "message")
	})
}

// mayBeNull tells whether a request has lists of structures whose nulls are complained
// about.
func (g *generator) mayBeNull() bool {
	return slices.ContainsFunc(g.names, func(name string) bool {
		s := g.model.Shapes[name]
		return g.taken[name] && s.Type == "list" && g.hasMask(g.element(s))
	})
}

func (g *generator) enums() {
	for _, name := range g.names {
		s := g.model.Shapes[name]
		if s.Enum == nil {
			continue
		}
		called := g.enumName(s)
		g.p("// The values of %s.\nconst (", called)
		for _, v := range s.Enum {
			g.p("%s = %q", constName(called, v), v)
		}
		g.p(")\n")
		values := s.Enum
		if known := g.hints.EnumOrder[name]; known != nil {
			if !slices.Equal(slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(values))) {
				flawed("enumOrder has other values than the model: %s", name)
			}
			values = known
		}
		g.p("// %sValues are all values of %s, in the order in which messages list them.", called, called)
		g.p("var %sValues = []string{", called)
		for _, v := range values {
			g.p("%s,", constName(called, v))
		}
		g.p("}\n")
	}
}

// code is what a fault is called on the wire.
func (g *generator) code(s *shape) string {
	switch {
	case g.protocol == protocolJSON:
		return g.hints.FaultNamespace + s.Name
	case g.protocol == protocolQuery && s.Error.Code != "":
		return s.Error.Code
	}
	return s.Name
}

func (g *generator) operations() {
	g.constants()
	var faults []*shape
	for s := range g.structures {
		if s.Exception {
			faults = append(faults, s)
		}
	}
	if len(faults) > 0 {
		g.p("// What faults are called on the wire.\nconst (")
		for _, s := range faults {
			g.p("Code%s = %q", s.Name, g.code(s))
		}
		g.p(")\n")
	}
	g.statuses(faults)
	g.p("// Operations are all operations of the service, by name.")
	g.p("var Operations = []%s{", g.shape("Operation"))
	for _, name := range g.offered {
		op := g.model.Operations[name]
		var codes []string
		for _, e := range op.Errors {
			codes = append(codes, "Code"+e.Shape)
		}
		route := ""
		if g.protocol == protocolREST {
			route = fmt.Sprintf(", Method: %q, URI: %q", op.HTTP.Method, op.HTTP.RequestURI)
			if status := op.HTTP.ResponseCode; status != 0 && status != 200 {
				route += fmt.Sprintf(", Status: %d", status)
			}
		}
		declared := ""
		if len(codes) > 0 {
			declared = ", Faults: []string{" + strings.Join(codes, ", ") + "}"
		}
		g.p("{Name: %q, Input: %q, Output: %q%s%s},", name, op.Input.Shape, op.Output.Shape, declared, route)
	}
	g.p("}")
}

// constants writes what the model says of the whole service.
func (g *generator) constants() {
	m := &g.model.Metadata
	switch g.protocol {
	case protocolJSON:
		g.p("// TargetPrefix stands before the operation in the header that names it.")
		g.p("const TargetPrefix = %q\n", m.TargetPrefix)
		g.p("// JSONVersion is the version of the protocol.")
		g.p("const JSONVersion = %q\n", m.JSONVersion)
	case protocolQuery:
		g.p("// Version is the version of the API.")
		g.p("const Version = %q\n", m.APIVersion)
		g.p("// Namespace is that of the XML.")
		g.p("const Namespace = %q\n", m.XMLNamespace)
	}
}

// statuses writes what faults answer with.
func (g *generator) statuses(faults []*shape) {
	var rows []string
	for _, s := range faults {
		status := s.Error.HTTPStatusCode
		if status == 0 && s.Fault {
			status = 500
		}
		if status != 0 && status != 400 {
			rows = append(rows, fmt.Sprintf("Code%s: %d,", s.Name, status))
		}
	}
	if len(rows) == 0 {
		return
	}
	g.p("// Statuses are what faults answer with; those that are not here, 400.")
	g.p("var Statuses = map[string]int{\n%s\n}\n", strings.Join(rows, "\n"))
}

// registry lets tests visit every structure.
func (g *generator) registry() {
	g.p("var structures = map[string]func() structure{")
	for s := range g.structures {
		if !g.hasType(s) {
			continue
		}
		g.p("%q: func() structure { return new(%s) },", s.Name, s.Name)
	}
	g.p("}")
}
