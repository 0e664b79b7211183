// Package sdk calls AWS's APIs, or what speaks them, by their models: it makes the request of
// an operation from parameters that are a JSON value, and a JSON value of the answer. So a
// further API is a file, in the form in which botocore has it, and no code.
//
// It knows the protocols JSON, query, EC2, REST-JSON and REST-XML. Names may be those of the
// API, or those that AWS's SDK for Java has for them, with a capital; see Naming. Operations
// whose bodies are streams of events are not called.
//
// A client talks to the endpoint that it is given and to nobody else: what parameters say
// never changes the host, no redirect is followed, no proxy or credential is looked for.
package sdk

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed models/*.json.gz
var embedded embed.FS

//go:embed models/services.txt
var services string

// Listed tells whether AWS has a service of this name, be there a model of it or not, and whether
// Step Functions supports an operation of it, if there is one: it does but for a few.
func Listed(service, operation string) (listed, supported bool) {
	for line := range strings.Lines(services) {
		if words := strings.Fields(line); words[0] == service {
			return true, !slices.Contains(words[1:], operation)
		}
	}
	return false, false
}

// modelBytesMax bounds a model, unpacked.
const modelBytesMax = 16 << 20

// Models are the models that there are: those of the program, and those of a folder. Each
// is read when it is first wanted, and kept: they are as many as there are files.
type Models struct {
	folder fs.FS // nil: there is none
	mu     sync.Mutex
	read   map[string]*Service
}

// NewModels gives the models of the program and of a folder, whose files NAME.json or
// NAME.json.gz go before them; nil: there is no folder.
func NewModels(folder fs.FS) *Models { return &Models{folder: folder, read: map[string]*Service{}} }

// Service finds the model of a service by the name that Step Functions has for it:
// "secretsmanager". Nil: there is none. Errors: of a file that can't be read.
func (m *Models) Service(name string) (*Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.read[name]; s != nil {
		return s, nil
	}
	text, err := m.text(name)
	if text == nil || err != nil {
		return nil, err
	}
	s, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the model of %q: %w", name, err)
	}
	m.read[name] = s
	return s, nil
}

// text gives the text of a model; nil: there is none.
func (m *Models) text(name string) ([]byte, error) {
	if !fs.ValidPath(name) || strings.ContainsAny(name, "/.\\") {
		return nil, nil
	}
	for _, at := range []struct {
		fs.FS
		name string
	}{{m.folder, name + ".json"}, {m.folder, name + ".json.gz"}, {embedded, "models/" + name + ".json.gz"}} {
		if at.FS == nil {
			continue
		}
		text, err := readFile(at.FS, at.name)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, nil
}

func readFile(from fs.FS, name string) ([]byte, error) {
	text, err := fs.ReadFile(from, name)
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return text, err
	}
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	text, err = io.ReadAll(io.LimitReader(r, modelBytesMax))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	return text, nil
}

// Service is the model of an API.
type Service struct {
	Metadata struct {
		APIVersion         string `json:"apiVersion"`
		EndpointPrefix     string `json:"endpointPrefix"`
		JSONVersion        string `json:"jsonVersion"`
		Protocol           string `json:"protocol"`
		Protocols          []string
		ServiceID          string    `json:"serviceId"`
		SigningName        string    `json:"signingName"`
		TargetPrefix       string    `json:"targetPrefix"`
		AWSQueryCompatible *struct{} `json:"awsQueryCompatible"`
	} `json:"metadata"`
	Operations map[string]*Operation `json:"operations"`
	Shapes     map[string]*Shape     `json:"shapes"`

	protocol string
}

// Operation is one of an API.
type Operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input    *Ref `json:"input"`
	Output   *Ref `json:"output"`
	Checksum *struct {
		AlgorithmMember string `json:"requestAlgorithmMember"`
		Required        bool   `json:"requestChecksumRequired"`
	} `json:"httpChecksum"`

	service *Service
}

// Ref is a use of a shape.
type Ref struct {
	Shape            string     `json:"shape"`
	Location         string     `json:"location"`
	LocationName     string     `json:"locationName"`
	QueryName        string     `json:"queryName"`
	ResultWrapper    string     `json:"resultWrapper"`
	TimestampFormat  string     `json:"timestampFormat"`
	XMLNamespace     *namespace `json:"xmlNamespace"`
	Flattened        bool       `json:"flattened"`
	XMLAttribute     bool       `json:"xmlAttribute"`
	JSONValue        bool       `json:"jsonvalue"`
	IdempotencyToken bool       `json:"idempotencyToken"`
}

type namespace struct{ URI, Prefix string }

// UnmarshalJSON takes a text too, which some models have.
func (n *namespace) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &n.URI)
	}
	return json.Unmarshal(text, (*struct{ URI, Prefix string })(n))
}

// Shape is a type.
type Shape struct {
	Type            string          `json:"type"`
	Members         map[string]*Ref `json:"members"`
	Member          *Ref            `json:"member"` // of a list
	Key, Value      *Ref            // of a map
	Required        []string        `json:"required"` // of what an operation takes; of other shapes models may not say it
	Payload         string          `json:"payload"`
	LocationName    string          `json:"locationName"`
	TimestampFormat string          `json:"timestampFormat"`
	XMLNamespace    *namespace      `json:"xmlNamespace"`
	Flattened       bool            `json:"flattened"`
	Document        bool            `json:"document"`
	EventStream     bool            `json:"eventstream"`
	Exception       bool            `json:"exception"`
	Error           *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// The protocols.
const (
	protocolJSON     = "json"
	protocolQuery    = "query"
	protocolEC2      = "ec2"
	protocolRestJSON = "rest-json"
	protocolRestXML  = "rest-xml"
)

// protocols are those that are known, the first that an API has going before others: what
// stands in for a service knows the older ones best.
var protocols = []string{protocolQuery, protocolEC2, protocolJSON, protocolRestJSON, protocolRestXML}

func parse(text []byte) (*Service, error) {
	s := &Service{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	given := append(s.Metadata.Protocols, s.Metadata.Protocol)
	i := slices.IndexFunc(protocols, func(p string) bool { return slices.Contains(given, p) })
	if i < 0 {
		return nil, fmt.Errorf("its protocols are %q, want one of %q", given, protocols)
	}
	s.protocol = protocols[i]
	for name, o := range s.Operations {
		o.service, o.Name = s, name
	}
	return s, s.check()
}

// check refuses a model that refers to what it does not have, so that nothing else needs to
// mind.
func (s *Service) check() error {
	known := func(where string, refs ...*Ref) error {
		for _, r := range refs {
			if r == nil || s.Shapes[r.Shape] == nil {
				return fmt.Errorf("%s has a shape that is not there", where)
			}
		}
		return nil
	}
	for name, o := range s.Operations {
		for _, r := range []*Ref{o.Input, o.Output} {
			if r == nil {
				continue
			}
			if err := known("operation "+name, r); err != nil {
				return err
			}
			if s.Shapes[r.Shape].Type != "structure" {
				return fmt.Errorf("operation %s has a %s where a structure belongs", name, s.Shapes[r.Shape].Type)
			}
		}
	}
	for name, shape := range s.Shapes {
		var refs []*Ref
		switch shape.Type {
		case "list":
			refs = append(refs, shape.Member)
		case "map":
			refs = append(refs, shape.Key, shape.Value)
		}
		for _, r := range shape.Members {
			refs = append(refs, r)
		}
		if err := known("shape "+name, refs...); err != nil {
			return err
		}
		if shape.Payload != "" && shape.Members[shape.Payload] == nil {
			return fmt.Errorf("shape %s has a payload that is no member", name)
		}
	}
	return nil
}

// Operation finds an operation by its name in the SDK for Java: "getObject". Nil: there is
// none, or its bodies are streams of events.
func (s *Service) Operation(name string) *Operation {
	for _, o := range s.Operations {
		if lowered(o.Name) == name && !s.streamsEvents(o.Input) && !s.streamsEvents(o.Output) {
			return o
		}
	}
	return nil
}

// Takes tells whether an operation has a parameter of a name.
func (o *Operation) Takes(n Naming, name string) bool {
	return o.Input != nil && n.member(o.service.Shapes[o.Input.Shape], name) != ""
}

// A Structure has members, which have names: the parameters of an operation, or a part of them. In a
// map each name is one.
type Structure struct {
	service *Service
	shape   *Shape // a structure or a map; nil: it has no members
	naming  Naming
}

// Parameters are those of the operation, by the names that n gives them.
func (o *Operation) Parameters(n Naming) *Structure {
	of := &Structure{service: o.service, naming: n}
	if o.Input != nil {
		of.shape = o.service.Shapes[o.Input.Shape]
	}
	return of
}

// Member finds a member by its name. In is the structure that it is, or that each item of it is;
// nil: it is something else, of which nothing is known.
func (s *Structure) Member(name string) (in *Structure, ok bool) {
	if s.shape == nil {
		return nil, false
	}
	r := s.shape.Value
	if s.shape.Type == "structure" {
		r = s.shape.Members[s.naming.member(s.shape, name)]
	}
	if r == nil {
		return nil, false
	}
	shape := s.service.Shapes[r.Shape]
	for shape.Type == "list" {
		r = shape.Member
		shape = s.service.Shapes[r.Shape]
	}
	if shape.Type != "structure" && shape.Type != "map" || shape.Document || r.JSONValue {
		return nil, true
	}
	return &Structure{s.service, shape, s.naming}, true
}

// Lacks gives the members without which the operation is refused and that are not given, by
// their names. Those that are filled if they are not given are not among them.
func (s *Structure) Lacks(given map[string]bool) (names []string) {
	if s.shape == nil {
		return nil
	}
	has := map[string]bool{}
	for name := range given {
		has[s.naming.member(s.shape, name)] = true
	}
	for _, member := range s.shape.Required {
		if m := s.shape.Members[member]; m != nil && !has[member] && !m.IdempotencyToken {
			names = append(names, s.naming.name(member))
		}
	}
	return names
}

func (s *Service) streamsEvents(r *Ref) bool {
	if r == nil {
		return false
	}
	for _, m := range s.Shapes[r.Shape].Members {
		if s.Shapes[m.Shape].EventStream {
			return true
		}
	}
	return false
}

// SigningName is what signatures call the service, and Prefix what stands before its host.
func (s *Service) SigningName() string {
	if s.Metadata.SigningName != "" {
		return s.Metadata.SigningName
	}
	return s.Metadata.EndpointPrefix
}

// Prefix is what AWS's host names of the service begin with.
func (s *Service) Prefix() string { return s.Metadata.EndpointPrefix }

// exception finds the exception that an error code stands for; "": the model has none.
func (s *Service) exception(code string) string {
	if code == "" {
		return ""
	}
	if shape := s.Shapes[code]; shape != nil && shape.Exception {
		return code
	}
	for name, shape := range s.Shapes {
		if shape.Exception && shape.Error != nil && shape.Error.Code == code {
			return name
		}
	}
	return ""
}
