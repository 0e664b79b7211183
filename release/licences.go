package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// module is what a binary links.
type module struct {
	path, version string
	licences      []string // as SPDX calls them
	texts         [][]byte // of its licence files, and notices
}

// allowed are licences under which binaries may be given away with what they ask for: their
// texts, and where the source is.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense", "0BSD", "Zlib", "CC0-1.0"}

// linkedModules finds what the binaries of all targets link, by name.
func linkedModules(ctx context.Context, root string) ([]module, error) {
	found := map[string]module{}
	for _, t := range targets {
		listed, err := output(ctx, root, []string{"CGO_ENABLED=0", "GOOS=" + t.os, "GOARCH=" + t.arch, "GOFLAGS="},
			"go", "list", "-deps", "-json=Module", "./cmd/heddle")
		if err != nil {
			return nil, err
		}
		for d := json.NewDecoder(strings.NewReader(listed)); ; {
			var p struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read what go list says: %w", err)
			}
			if m := p.Module; m != nil && !m.Main && found[m.Path].path == "" {
				read, err := readModule(m.Path, m.Version, m.Dir)
				if err != nil {
					return nil, err
				}
				found[m.Path] = read
			}
		}
	}
	all := make([]module, 0, len(found))
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// readModule reads the licences of a module, which must be allowed.
func readModule(path, version, dir string) (module, error) {
	m := module{path: path, version: version}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return m, fmt.Errorf("licences of %s: %w", path, err)
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		licence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING") || strings.HasPrefix(name, "UNLICENSE")
		if e.IsDir() || !licence && !strings.HasPrefix(name, "NOTICE") && !strings.HasPrefix(name, "PATENTS") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return m, fmt.Errorf("licences of %s: %w", path, err)
		}
		m.texts = append(m.texts, text)
		if licence {
			for _, match := range licensecheck.Scan(text).Match {
				if !slices.Contains(m.licences, match.ID) {
					m.licences = append(m.licences, match.ID)
				}
			}
		}
	}
	if len(m.licences) == 0 {
		return m, fmt.Errorf("%s %s has no licence that is known; do without it", path, version)
	}
	slices.Sort(m.licences)
	for _, l := range m.licences {
		if !slices.Contains(allowed, l) {
			return m, fmt.Errorf("%s %s is under %s, which is not among %v; do without it, or see what it asks for and add it", path, version, l, allowed)
		}
	}
	return m, nil
}

// writeNotice writes the notice of the repository.
func writeNotice(ctx context.Context, root, name string) error {
	linked, err := linkedModules(ctx, root)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("Heddle\n\nThis product is under the Apache License, Version 2.0 (LICENSE). Its binaries link these modules, whose\n" +
		"licences, and notices where they have some, are in LICENSES.txt of each release:\n\n")
	for _, m := range linked {
		fmt.Fprintf(&b, "%s %s: %s\n", m.path, m.version, strings.Join(m.licences, ", "))
	}
	b.WriteString("\nThe models of AWS's APIs that they contain (internal/aws/sdk/models, internal/sfn/reply) are made of those of botocore: Apache-2.0.\n")
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// licenceTexts has the texts of all licences, each once.
func licenceTexts(linked []module) []byte {
	var b bytes.Buffer
	seen := map[string][]string{} // whose a text is
	var texts []string
	for _, m := range linked {
		for _, text := range m.texts {
			key := string(bytes.TrimSpace(text))
			if seen[key] == nil {
				texts = append(texts, key)
			}
			seen[key] = append(seen[key], m.path+" "+m.version)
		}
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "%s\n%s:\n\n%s\n\n\n", strings.Repeat("=", 80), strings.Join(seen[text], "\n"), text)
	}
	return b.Bytes()
}
