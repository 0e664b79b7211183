package rehearsal

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"heddle/internal/aws/arn"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/mock"
	"heddle/internal/sfn/resource"
	"heddle/jsonvalue"
)

// Substitutions are what stands in a definition in place of ${Name}, as the
// DefinitionSubstitutions of SAM and CloudFormation: texts, numbers, booleans.
type Substitutions map[string]any

// ReadSubstitutions reads the member Substitutions of a file of test cases. CloudFormation's
// pseudo parameters of the world that test cases are in are always there.
func ReadSubstitutions(cases []byte) (Substitutions, error) {
	s := Substitutions{"AWS::Partition": "aws", "AWS::Region": world.Region, "AWS::AccountId": world.Account}
	v, err := jsonvalue.ParseStrict(cases)
	if err != nil {
		return nil, err
	}
	top, err := mock.Object(v, "the file")
	if err != nil {
		return nil, err
	}
	all, err := mock.Member(top, "Substitutions", "the file")
	if err != nil {
		return nil, err
	}
	for name, v := range all.All() {
		switch v.(type) {
		case nil, []any, *jsonvalue.Object:
			return nil, fmt.Errorf("member Substitutions.%s: want a text, a number or a boolean, not %s", name, jsonvalue.TypeName(v))
		}
		s[name] = v
	}
	return s, nil
}

// variable is a name that is substituted.
var variable = regexp.MustCompile(`\$\{([\w:.-]+)\}`)

// ReadMachine compiles a definition, in JSON or YAML. What it has for ${Name} comes from s; a
// Resource that has no other value is taken for any. An error says all that is wrong with it.
func ReadMachine(definition []byte, isYAML bool, s Substitutions) (*asl.Machine, error) {
	text := s.in(definition, isYAML)
	if isYAML {
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			return nil, err
		}
		v, err := fromYAML(&document, 0)
		if err != nil {
			return nil, err
		}
		text = []byte(jsonvalue.Text(v))
	}
	if v, err := jsonvalue.ParseStrict(text); err == nil {
		anyResource(v)
		text = []byte(jsonvalue.Text(v))
	} else if name := s.bare(text); name != "" {
		return nil, fmt.Errorf("${%s} stands where no text can: give its value in Substitutions of the test cases", name)
	}
	m, found := asl.Compile(text, asl.Options{})
	if m != nil {
		return m, nil
	}
	var wrong []string
	for _, d := range found {
		if d.Severity == asl.Error {
			wrong = append(wrong, strings.TrimSuffix(d.Message+" at "+d.Location, " at "))
		}
	}
	return nil, fmt.Errorf("%s", strings.Join(wrong, "; "))
}

// in substitutes what has a value. Within a text of JSON it is escaped.
func (s Substitutions) in(definition []byte, isYAML bool) []byte {
	var made bytes.Buffer
	rest, within := definition, false
	for {
		at := variable.FindSubmatchIndex(rest)
		if at == nil {
			made.Write(rest)
			return made.Bytes()
		}
		within = within != endsWithin(rest[:at[0]])
		made.Write(rest[:at[0]])
		v, known := s[string(rest[at[2]:at[3]])]
		text, isText := v.(string)
		switch {
		case !known:
			made.Write(rest[at[0]:at[1]])
		case isText && within && !isYAML:
			quoted := jsonvalue.Text(text)
			made.WriteString(quoted[1 : len(quoted)-1])
		case isText:
			made.WriteString(text)
		default:
			made.WriteString(jsonvalue.Text(v))
		}
		rest = rest[at[1]:]
	}
}

// endsWithin tells whether JSON that begins outside of a text ends within one; of JSON that
// begins within one it tells the contrary.
func endsWithin(part []byte) (within bool) {
	for i := 0; i < len(part); i++ {
		switch part[i] {
		case '\\':
			i++
		case '"':
			within = !within
		}
	}
	return within
}

// bare finds a name without a value that stands outside of texts; "": there is none.
func (s Substitutions) bare(text []byte) string {
	for _, at := range variable.FindAllSubmatchIndex(text, -1) {
		if !endsWithin(text[:at[0]]) {
			return string(text[at[2]:at[3]])
		}
	}
	return ""
}

// anyResource gives tasks an activity for a resource whose name has no value.
func anyResource(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			anyResource(item)
		}
	case *jsonvalue.Object:
		kind, _ := v.Get("Type")
		of, _ := v.Get("Resource")
		if name, ok := of.(string); ok && kind == "Task" && variable.MatchString(name) {
			if integration := partition.FindStringSubmatch(name); integration != nil {
				name = strings.Replace(name, integration[1], arn.Partition(world.Region), 1)
			} else {
				name = resource.Of(world.Region, world.Account, resource.Activity, nameOf(strings.Trim(variable.FindStringSubmatch(name)[1], ":."))).String()
			}
			v.Set("Resource", name)
		}
		for _, item := range v.All() {
			anyResource(item)
		}
	}
}

// partition is an integration of a partition that has no value: arn:${Partition}:states:::….
var partition = regexp.MustCompile(`^arn:(\$\{[\w:.-]+\}):states:::[^$]+$`)

// yamlDepthMax bounds how deep values lie in each other.
const yamlDepthMax = jsonvalue.DepthMax

// fromYAML is the JSON value of a node.
func fromYAML(n *yaml.Node, depth int) (any, error) {
	if depth > yamlDepthMax {
		return nil, fmt.Errorf("line %d: values lie too deep in each other", n.Line)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return fromYAML(n.Content[0], depth)
	case yaml.AliasNode:
		return fromYAML(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = fromYAML(item, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		o := jsonvalue.NewObject(len(n.Content) / 2)
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if _, twice := o.Get(name); twice {
				return nil, fmt.Errorf("line %d: member %q is there twice", n.Content[i].Line, name)
			}
			member, err := fromYAML(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			o.Set(name, member)
		}
		return o, nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strconv.ParseBool(strings.ToLower(n.Value))
	case "!!int", "!!float":
		if v, err := jsonvalue.ParseString(n.Value); err == nil {
			return v, nil
		}
		var f float64
		err := n.Decode(&f)
		return f, err
	}
	return n.Value, nil
}
