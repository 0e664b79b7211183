// Package emit writes the shapes of a service as Go code, from its model and from
// hints. It knows no service, and three protocols: JSON, REST with JSON, and query.
//
// The model is data as the vendor publishes it. Structures become Go structures with
// the members in the model's order: required members are plain values, optional ones
// pointers; lists, maps and bytes are nil when absent. What their methods need is in
// package shape, what is special to a protocol in restjson and awsquery.
package emit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Hints are what a package says of its service beyond the model. Names of shapes and
// members are the model's.
type Hints struct {
	// Package is the name of the Go package.
	Package string `json:"package"`
	// Model is the file of the model, seen from the package; none: model.json.
	Model string `json:"model"`
	// Protocol is the one to write code for, of a model that has several; none: its first.
	Protocol string `json:"protocol"`
	// Registry has a list of all structures written for the package's tests, which have the
	// type "structure".
	Registry bool `json:"registry"`
	// FaultNamespace stands before the codes of faults in JSON protocols.
	FaultNamespace string `json:"faultNamespace"`
	// Operations are those that the service offers; none: all of the model.
	Operations []string `json:"operations"`
	// EnumOrder is the order of an enum's values in messages, where it is not the
	// model's.
	EnumOrder map[string][]string `json:"enumOrder"`
	// EnumNames are what the constants of an enum begin with, where it is not its own name.
	EnumNames map[string]string `json:"enumNames"`
	// Optional are members ("Structure.member") that the model calls required and answers
	// may lack all the same.
	Optional []string `json:"optional"`
	// CheckFirst is the member of a structure that is complained about before the others.
	CheckFirst map[string]string `json:"checkFirst"`
	// ShapeRules and MemberRules name the functions of the package that check what the
	// service asks beyond the model: of all members of a shape, and of single members
	// ("Structure.member"), which comes before. They have the parameters
	// (c *shape.Violations, at shape.Place, value); of a structure the value is a
	// pointer.
	ShapeRules  map[string]string `json:"shapeRules"`
	MemberRules map[string]string `json:"memberRules"`
	// Flaws name methods of inputs that tell, as a text, what is wrong with the whole.
	Flaws map[string]Flaws `json:"flaws"`
	// Nullable are the shapes of strings that may be null in a list.
	Nullable []string `json:"nullable"`
	// Patterns tells that the service complains about texts which do not match the
	// model's patterns. PatternsAs are patterns as Go writes them, of shapes whose own it
	// cannot read; an empty one is not checked.
	Patterns   bool              `json:"patterns"`
	PatternsAs map[string]string `json:"patternsAs"`
	// Printed tells that the service's messages show the structures of a list that is too
	// short or too long, member by member; else they show how many there are.
	Printed bool `json:"printed"`
	// Unions are the structures of which each has one body among its members.
	Unions []Union `json:"unions"`
}

// Flaws are methods of an input: one that is asked before the constraints of the model
// are looked at, and one that is asked before all other rules of the service.
type Flaws struct {
	BeforeAll string `json:"beforeAll"`
	First     string `json:"first"`
}

// Folder gives the generated files of the package in a folder, by name.
func Folder(dir string) (map[string][]byte, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "gen.json"))
	if err != nil {
		return nil, err
	}
	var h Hints
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return nil, fmt.Errorf("read the hints: %w", err)
	}
	model, err := os.ReadFile(filepath.Join(dir, cmp.Or(h.Model, "model.json")))
	if err != nil {
		return nil, err
	}
	return Files(model, &h)
}

// Files gives the generated files by name.
func Files(modelJSON []byte, h *Hints) (files map[string][]byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			flaw, ok := r.(flaw)
			if !ok {
				panic(r)
			}
			files, err = nil, errors.New(string(flaw))
		}
	}()
	var m model
	if err := json.Unmarshal(modelJSON, &m); err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	g := newGenerator(&m, h)
	files = map[string][]byte{}
	for name, emit := range g.files() {
		src, err := g.file(emit)
		if err != nil {
			return nil, fmt.Errorf("format %q: %w", name, err)
		}
		if src != nil {
			files[name] = src
		}
	}
	return files, nil
}

// flaw is what is wrong with a model or its hints; the generator panics with it.
type flaw string

func flawed(format string, args ...any) { panic(flaw(fmt.Sprintf(format, args...))) }

// files are the files of the service's protocol, with what writes each.
func (g *generator) files() map[string]func() {
	files := map[string]func(){
		"types_gen.go":      g.types,
		"enums_gen.go":      g.enums,
		"encode_gen.go":     g.encoders,
		"validate_gen.go":   g.validators,
		"operations_gen.go": g.operations,
	}
	if g.hints.Registry {
		files["structures_gen_test.go"] = g.registry
	}
	if len(g.hints.Unions) > 0 {
		files["unions_gen.go"] = g.unions
	}
	switch g.protocol {
	case protocolJSON:
		files["decode_gen.go"] = g.decoders
	case protocolREST:
		files["decode_gen.go"] = g.decoders
		files["rest_gen.go"] = g.rest
	case protocolQuery:
		files["query_gen.go"] = g.query
	default:
		flawed("no code is written for protocol %q", g.protocol)
	}
	return files
}

// file is a source file with what emit writes; nil if it writes nothing.
func (g *generator) file(emit func()) ([]byte, error) {
	g.out.Reset()
	g.imports = map[string]bool{}
	emit()
	body := bytes.Clone(g.out.Bytes())
	if len(body) == 0 {
		return nil, nil
	}
	g.out.Reset()
	g.p("// Code generated by heddle/internal/aws/gen from the model. DO NOT EDIT.\n\npackage %s\n", g.hints.Package)
	g.importLines()
	g.out.Write(body)
	src, err := format.Source(g.out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, g.out.Bytes())
	}
	return src, nil
}

// importLines writes the imports: the standard library, others, ours.
func (g *generator) importLines() {
	paths := slices.Sorted(maps.Keys(g.imports))
	if len(paths) == 0 {
		return
	}
	if len(paths) == 1 {
		g.p("import %q\n", paths[0])
		return
	}
	group := func(path string) int {
		first, _, _ := strings.Cut(path, "/")
		switch {
		case first == "heddle":
			return 2
		case strings.Contains(first, "."):
			return 1
		}
		return 0
	}
	g.p("import (")
	for i := range 3 {
		before := g.out.Len()
		for _, path := range paths {
			if group(path) == i {
				g.p("%q", path)
			}
		}
		if g.out.Len() > before {
			g.p("")
		}
	}
	g.p(")\n")
}

// The packages that generated code uses; each name imports its own.

func (g *generator) shape(name string) string {
	g.imports["heddle/internal/aws/shape"] = true
	return "shape." + name
}

func (g *generator) jx(name string) string {
	g.imports["github.com/go-faster/jx"] = true
	return "jx." + name
}

func (g *generator) std(path, name string) string {
	g.imports[path] = true
	return path[strings.LastIndexByte(path, '/')+1:] + "." + name
}

func (g *generator) p(format string, args ...any) {
	fmt.Fprintf(&g.out, format, args...)
	g.out.WriteByte('\n')
}
