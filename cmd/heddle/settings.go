package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"heddle/internal/diagnose"
	"heddle/internal/options"
)

// configFlag is the flag of the file that settings are read from.
const configFlag = "config"

// devFlag is the flag that gives other settings other defaults.
const devFlag = "dev"

// devDefaults are what is meant by --dev, unless something else is said.
var devDefaults = map[string]string{"store": "memory", "auth": "none"}

// sources give flags that are not on the command line, and have no variable, their values:
// from a file, or of --dev. They remember which came from where, so they are for one parsing.
type sources struct {
	file string               // that was read; empty: none
	said map[string]yaml.Node // in it, by flag
	from map[string]string    // where a value came from, by flag
}

// Validate implements kong.Resolver.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *sources) Resolve(c *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if s.said == nil || parent.Command == nil || !hasFlag(parent.Flags, configFlag) || variableOf(flag) != "" {
		return nil, nil
	}
	if node, ok := s.said[flag.Name]; ok {
		s.from[flag.Name] = fmt.Sprintf("%s, line %d", s.file, node.Line)
		value, err := valueOf(&node)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", s.file, node.Line, err)
		}
		return value, nil
	}
	if value, ok := devDefaults[flag.Name]; ok && s.dev(c, parent.Flags) {
		s.from[flag.Name] = "--" + devFlag
		return value, nil
	}
	return nil, nil
}

// dev tells whether --dev is given, in whatever way.
func (s *sources) dev(c *kong.Context, flags []*kong.Flag) bool {
	flag := flags[slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == devFlag })]
	if on, _ := c.FlagValue(flag).(bool); on || variableOf(flag) != "" {
		return on
	}
	node := s.said[devFlag]
	on, _ := strconv.ParseBool(node.Value)
	return on
}

// read reads the file, if the command that was chosen has one.
func (s *sources) read(c *kong.Context) error {
	command := c.Selected()
	if command == nil || !hasFlag(command.Flags, configFlag) {
		return nil
	}
	flags := command.Flags
	s.said, s.from = map[string]yaml.Node{}, map[string]string{}
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == configFlag })
	file, _ := c.FlagValue(flags[i]).(string)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	if s.said, err = parseSettings(text, flags); err != nil {
		return fmt.Errorf("settings of %q: %w", file, err)
	}
	s.file = file
	if s.said["data"].Value != "" && !filepath.IsAbs(s.said["data"].Value) {
		// From where it is started would be another folder each time.
		node := s.said["data"]
		node.Value = filepath.Join(filepath.Dir(file), node.Value)
		s.said["data"] = node
	}
	return nil
}

// parseSettings reads the text of a file of settings: a mapping of flags' names, without
// their dashes, to values.
func parseSettings(text []byte, flags []*kong.Flag) (map[string]yaml.Node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	said := map[string]yaml.Node{}
	if len(document.Content) == 0 {
		return said, nil // only comments
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: want a mapping of settings to values, such as listen: 127.0.0.1:7930", top.Line)
	}
	var names []string
	for _, f := range flags {
		if f.Name != configFlag && f.Name != "help" {
			names = append(names, f.Name)
		}
	}
	var errs []error
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		switch _, twice := said[key.Value]; {
		case twice:
			errs = append(errs, fmt.Errorf("line %d: %q stands there twice", key.Line, key.Value))
		case !slices.Contains(names, key.Value):
			errs = append(errs, fmt.Errorf("line %d: there is no setting %q; the nearest is %q", key.Line, key.Value, diagnose.Nearest(key.Value, names)))
		}
		said[key.Value] = *value
	}
	return said, errors.Join(errs...)
}

// valueOf is a value of a file as a flag would have it.
func valueOf(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.SequenceNode:
		var all []string
		for _, one := range n.Content {
			if one.Kind != yaml.ScalarNode {
				return "", errors.New("want a list of single values")
			}
			all = append(all, strings.ReplaceAll(one.Value, ",", `\,`))
		}
		return strings.Join(all, ","), nil
	}
	return "", errors.New("want a single value, or a list of such")
}

func hasFlag(flags []*kong.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == name })
}

// variableOf is the variable that sets a flag; empty: none does.
func variableOf(f *kong.Flag) string {
	for _, name := range f.Envs {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// origin is where the value of a flag came from.
func (s *sources) origin(c *kong.Context, flag *kong.Flag) string {
	for _, path := range c.Path {
		if path.Flag == flag && !path.Resolved {
			return "command line"
		}
	}
	if variable := variableOf(flag); variable != "" {
		return "environment, " + variable
	}
	if from := s.from[flag.Name]; from != "" {
		return from
	}
	return "default"
}

// prefix is what our variables begin with.
const prefix = "HEDDLE_"

// isOthers tells whether a variable that begins like ours is set by others: Kubernetes for a
// service that is called heddle, and the tests of this repository; or is for commands that may
// have the environment of the server, such as heddle backup.
func isOthers(name string) bool {
	for _, p := range []string{prefix + "TEST_", prefix + "PORT_", prefix + "SERVICE_", prefix + "BACKUP_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return slices.Contains([]string{prefix + "PORT", prefix + "BINARY", prefix + "RECORDINGS"}, name)
}

// checkVariables refuses variables that begin like ours and are none of ours, which somebody
// has misspelled and counts on.
func checkVariables(flags []*kong.Flag, secrets []string) error {
	known := slices.Clone(secrets)
	for _, f := range flags {
		known = append(known, f.Envs...)
	}
	var errs []error
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) && !isOthers(name) {
			errs = append(errs, fmt.Errorf("the environment has %s, which is no setting; the nearest is %s", name, diagnose.Nearest(name, known)))
		}
	}
	return errors.Join(errs...)
}

// secretsOf are the variables of the settings that are secret.
func (c *serveCommand) secretsOf() []string {
	all := options.SecretNames(&c.Config)
	for _, s := range c.Config.Services {
		all = append(all, options.SecretNames(s.Options)...)
	}
	return all
}
