package main

import (
	"debug/buildinfo"
	"io"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill writes what a binary is made of, as the binary itself has it, in the form of CycloneDX.
func (r *release) bill(w io.Writer, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	bom := cdx.NewBOM()
	self := cdx.Component{Type: cdx.ComponentTypeApplication, Name: "heddle", Version: r.version, BOMRef: "heddle"}
	bom.Metadata = &cdx.Metadata{Timestamp: r.made.Format("2006-01-02T15:04:05Z"), Component: &self}
	parts := []cdx.Component{{Type: cdx.ComponentTypePlatform, Name: "go", Version: info.GoVersion, BOMRef: "go"}}
	needs := []string{"go"}
	for _, m := range info.Deps {
		for m.Replace != nil {
			m = m.Replace
		}
		url := "pkg:golang/" + m.Path + "@" + m.Version
		parts = append(parts, cdx.Component{Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url, BOMRef: url})
		needs = append(needs, url)
	}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: "heddle", Dependencies: &needs}}
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	return e.Encode(bom)
}
