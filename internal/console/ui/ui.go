// Package ui is what the console's pages are made of: templates, style, script, icons and
// fonts, all in the binary. What others have made lies in vendor, as VENDOR.json says; make
// vendor packs it anew. It knows no page and calls nobody.
package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Assets is where they are served, each by its name with its digest.
const Assets = "/console/assets/"

//go:embed templates/*.html static vendor
var files embed.FS

// File is an asset.
type File struct {
	Type  string
	Bytes []byte
	name  string // with its digest
}

// types are those of assets, by the ends of their names.
var types = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2", ".svg": "image/svg+xml",
}

var byName, byDigest = load()

// refersTo is how style refers to an asset.
var refersTo = regexp.MustCompile(`url\(asset:([^)]+)\)`)

// load reads the assets, those first that others refer to.
func load() (byName, byDigest map[string]*File) {
	byName, byDigest = map[string]*File{}, map[string]*File{}
	add := func(name string, b []byte) {
		sum := sha256.Sum256(b)
		f := &File{Type: types[path.Ext(name)], Bytes: b, name: hex.EncodeToString(sum[:8]) + "-" + name}
		byName[name], byDigest[f.name] = f, f
	}
	var style []string
	err := fs.WalkDir(files, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || types[path.Ext(file)] == "" {
			return err
		}
		if path.Ext(file) == ".css" {
			style = append(style, file)
			return nil
		}
		b, err := files.ReadFile(file)
		add(path.Base(file), b)
		return err
	})
	for _, file := range style {
		b, unread := files.ReadFile(file)
		if unread != nil {
			err = unread
		}
		add(path.Base(file), refersTo.ReplaceAllFunc(b, func(found []byte) []byte {
			name := string(refersTo.FindSubmatch(found)[1])
			if byName[name] == nil {
				panic("ui: " + file + " refers to " + name + ", which is not there")
			}
			return []byte("url(" + byName[name].name + ")")
		}))
	}
	if err != nil {
		panic("ui: " + err.Error())
	}
	return byName, byDigest
}

// Asset is the asset of a name with its digest; nil: there is none.
func Asset(name string) *File { return byDigest[name] }

// assetPath is where an asset is.
func assetPath(name string) (string, error) {
	f := byName[name]
	if f == nil {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return Assets + f.name, nil
}

// icon is an icon of static/icons.svg, which is drawn in the colour of the text.
func icon(name string) (template.HTML, error) {
	i := icons[name]
	if i == "" {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">` + i + `</svg>`), nil
}

// Templates are the pages by the names of their files, each with the frame, which begins at
// "page", and with drawing, which has templates of parts. Functions are for all of them.
func Templates(functions template.FuncMap, drawing fs.FS) map[string]*template.Template {
	base := template.New("").Option("missingkey=error").Funcs(functions).Funcs(template.FuncMap{"asset": assetPath, "icon": icon})
	base = template.Must(base.ParseFS(files, "templates/frame.html", "templates/parts.html"))
	base = template.Must(base.ParseFS(drawing, "templates/*.html"))
	pages, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, page := range pages {
		name := strings.TrimSuffix(path.Base(page), ".html")
		if name != "frame" && name != "parts" {
			all[name] = template.Must(template.Must(base.Clone()).ParseFS(files, page))
		}
	}
	return all
}
