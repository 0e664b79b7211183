package mutants

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Source is what the tree declares. Tests, generated files and testdata are not in
// it.
type Source struct {
	decls []decl
	files map[string]string // what each holds, by its path from the root
}

// decl is one declaration of a package: a function, a method, or one var, const or
// type.
type decl struct {
	folder string // of its package, from the root
	name   string // "f", "(*T).m", "T.m"
	file   string
	from   int // its offsets in the file; the comment above it is not part of it
	to     int
}

// String is its shortest anchor: the last part of the folder, and the name.
func (d *decl) String() string { return path.Base(d.folder) + "." + d.name }

// Place is where a mutant stands.
type Place struct {
	File     string // from the root
	from, to int
}

// Folder is that of the package.
func (p Place) Folder() string { return path.Dir(p.File) }

// Read parses the tree below the root.
func Read(root fs.FS) (*Source, error) {
	s := &Source{files: map[string]string{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if base := d.Name(); base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") && base != "." {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return s.add(name, string(text))
	})
	return s, err
}

func (s *Source) add(name, text string) error {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(parsed) {
		return nil
	}
	s.files[name] = text
	declare := func(id string, n ast.Node) {
		from, to := set.Position(n.Pos()).Offset, set.Position(n.End()).Offset
		s.decls = append(s.decls, decl{path.Dir(name), id, name, from, to})
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			declare(functionName(d), d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					declare(spec.Name.Name, spec)
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						declare(id.Name, spec)
					}
				}
			}
		}
	}
	return nil
}

// functionName is the name of a function as in a stack trace, without type
// parameters: "f", "T.m", "(*T).m".
func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := d.Recv.List[0].Type
	pointer := false
	for {
		switch t := receiver.(type) {
		case *ast.StarExpr:
			receiver, pointer = t.X, true
		case *ast.ParenExpr:
			receiver = t.X
		case *ast.IndexExpr:
			receiver = t.X
		case *ast.IndexListExpr:
			receiver = t.X
		case *ast.Ident:
			if pointer {
				return "(*" + t.Name + ")." + d.Name.Name
			}
			return t.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

// Find gives a mutant's place. Its error says what to change in the list.
func (s *Source) Find(m *Mutant) (Place, error) {
	slash := strings.LastIndex(m.In, "/") + 1
	pkg, name, ok := strings.Cut(m.In[slash:], ".")
	if !ok || pkg == "" || name == "" || m.Old == "" {
		return Place{}, fmt.Errorf("mutant: In is %q and Old is %q; want a package and a name, as in \"execution.(*turn).close\", and some of its text", m.In, m.Old)
	}
	pkg = m.In[:slash] + pkg
	var found []decl
	for _, d := range s.decls {
		if d.name == name && (d.folder == pkg || strings.HasSuffix(d.folder, "/"+pkg)) {
			found = append(found, d)
		}
	}
	if len(found) == 0 {
		return Place{}, fmt.Errorf("no declaration %s; %sthe nearest names are %s", m.In, s.elsewhere(m.Old), s.nearest(pkg, name))
	}
	if i := slices.IndexFunc(found, func(d decl) bool { return d.folder != found[0].folder }); i > 0 {
		return Place{}, fmt.Errorf("%s may be that of %s or of %s; put more of the path before it, as in %q",
			m.In, found[0].folder, found[i].folder, longer(found[0].folder, pkg)+"."+name)
	}
	// One package has a name in several files if each is for another system.
	var places []Place
	for _, d := range found {
		text := s.files[d.file][d.from:d.to]
		for at := 0; ; {
			i := strings.Index(text[at:], m.Old)
			if i < 0 {
				break
			}
			places = append(places, Place{d.file, d.from + at + i, d.from + at + i + len(m.Old)})
			at += i + 1
		}
	}
	switch len(places) {
	case 0:
		return Place{}, fmt.Errorf("%s (%s) has no %q; %sits nearest line is %q",
			m.In, found[0].file, m.Old, s.elsewhere(m.Old), s.nearestLine(found, m.Old))
	case 1:
		return places[0], nil
	}
	return Place{}, fmt.Errorf("%q stands %d times in %s (%s); take more of the line, or the lines beside it", m.Old, len(places), m.In, places[0].File)
}

// Mutate gives the file as the mutant leaves it.
func (s *Source) Mutate(p Place, m *Mutant) string {
	text := s.files[p.File]
	return text[:p.from] + m.New + text[p.to:]
}

// longer adds one part of the folder's path to the package.
func longer(folder, pkg string) string {
	rest := strings.TrimSuffix(strings.TrimSuffix(folder, pkg), "/")
	return path.Join(path.Base(rest), pkg)
}

// elsewhere says which declarations have the text: if it is one or two, the code was
// renamed or moved.
func (s *Source) elsewhere(text string) string {
	var all []string
	for _, d := range s.decls {
		if strings.Contains(s.files[d.file][d.from:d.to], text) {
			all = append(all, d.String())
		}
	}
	if len(all) == 0 || len(all) > 2 {
		return ""
	}
	return "its text stands in " + strings.Join(all, " and ") + "; "
}

// nearest are the three declarations whose names are most like the one asked for.
func (s *Source) nearest(pkg, name string) string {
	type candidate struct {
		decl decl
		far  int
	}
	var all []candidate
	for _, d := range s.decls {
		far := distance(d.name, name)
		if path.Base(d.folder) != path.Base(pkg) {
			far += 3
		}
		all = append(all, candidate{d, far})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, c := range all[:min(3, len(all))] {
		names = append(names, c.decl.String())
	}
	return strings.Join(names, ", ")
}

// nearestLine is the line of the declarations that is most like the text.
func (s *Source) nearestLine(decls []decl, text string) string {
	best, least := "", -1
	for _, d := range decls {
		for line := range strings.SplitSeq(s.files[d.file][d.from:d.to], "\n") {
			if far := distance(strings.TrimSpace(line), strings.TrimSpace(text)); least < 0 || far < least {
				best, least = strings.TrimSpace(line), far
			}
		}
	}
	return best
}

// distance is how many bytes must be put in, taken out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
