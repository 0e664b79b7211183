package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configCommand prints the settings in force: what serve would run by, if it were given the
// same flags in the same environment.
type configCommand struct {
	Flags []string `arg:"" optional:"" passthrough:"all" help:"Flags of serve."`
}

// Run prints a file that --config takes, with a remark behind each setting that says where it
// came from. It fails as serve would.
func (c *configCommand) Run(ctx context.Context, k *kong.Kong) error {
	all, s := newCommands(), new(sources)
	parser, err := newParserOf(ctx, all, s, kong.Writers(k.Stdout, k.Stderr))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(append([]string{"serve"}, c.Flags...))
	if err != nil {
		return err
	}
	flags := parsed.Selected().Flags
	group := ""
	for _, flag := range flags {
		if flag.Name == "help" || flag.Name == configFlag {
			continue
		}
		title := ""
		if flag.Group != nil {
			title = flag.Group.Title
		}
		if title != group {
			if _, err := fmt.Fprintln(k.Stdout, strings.TrimRight("\n# "+title, "# ")); err != nil {
				return err
			}
			group = title
		}
		line, err := settingLine(flag.Name, parsed.FlagValue(flag))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(k.Stdout, "%-50s # %s\n", line, s.origin(parsed, flag)); err != nil {
			return err
		}
	}
	for i, name := range all.Serve.secretsOf() {
		if i == 0 {
			_, _ = fmt.Fprint(k.Stdout, "\n# Secrets, which come from the environment alone\n")
		}
		state := "not set"
		if os.Getenv(name) != "" {
			state = "set, and not shown"
		}
		if _, err := fmt.Fprintf(k.Stdout, "# %s: %s\n", name, state); err != nil {
			return err
		}
	}
	if err := checkVariables(flags, all.Serve.secretsOf()); err != nil {
		return err
	}
	cfg := all.Serve.config()
	_, err = cfg.Filled()
	return err
}

// settingLine is a setting as a file has it. What is none is shown as a remark.
func settingLine(name string, value any) (string, error) {
	v := reflect.ValueOf(value)
	switch {
	case v.Kind() == reflect.String && v.Len() == 0, v.Kind() == reflect.Slice && v.Len() == 0, v.CanInt() && v.IsZero():
		return "# " + name + ":", nil
	case v.Kind() == reflect.String:
		value = withoutSecrets(v.String())
	default:
		if s, ok := value.(fmt.Stringer); ok {
			value = s.String()
		}
	}
	b, err := yaml.Marshal(map[string]any{name: value})
	if err != nil {
		return "", fmt.Errorf("show %s: %w", name, err)
	}
	text := strings.TrimSpace(string(b))
	if v.Kind() == reflect.Slice {
		quoted := make([]string, v.Len())
		for i := range quoted {
			item := v.Index(i)
			shown := item.Interface()
			if item.Kind() == reflect.String {
				shown = withoutSecrets(item.String())
			}
			one, err := yaml.Marshal(shown)
			if err != nil {
				return "", fmt.Errorf("show %s: %w", name, err)
			}
			quoted[i] = strings.TrimSpace(string(one))
		}
		text = name + ": [" + strings.Join(quoted, ", ") + "]"
	}
	return text, nil
}

// withoutSecrets hides what addresses may hold that is a secret: one, or NAME=URL of several homes. What names a
// database in another form, or can't be read, is hidden as a whole if it may have a password.
func withoutSecrets(text string) string {
	words := strings.Fields(text)
	if !strings.Contains(text, "://") && !strings.Contains(strings.ToLower(text), "password") {
		return text
	}
	for i, word := range words {
		name, address, named := strings.Cut(word, "=")
		if !named || strings.Contains(name, "://") {
			name, address, named = "", word, false
		}
		u, err := url.Parse(address)
		switch {
		case strings.HasPrefix(address, "@"): // a file that has it
			continue
		case err != nil || u.Host == "":
			return hidden
		case u.RawQuery != "":
			u.RawQuery = hidden
		}
		if words[i] = u.Redacted(); named {
			words[i] = name + "=" + words[i]
		}
	}
	return strings.Join(words, " ")
}

const hidden = "hidden"
