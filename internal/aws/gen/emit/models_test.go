package emit

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// modelsFolder names the folder with the models of other services, which are not part
// of the tree: kms.json and so on, as the vendor's SDKs have them.
const modelsFolder = "HEDDLE_MODELS"

// TestModels makes packages of whole models, and has each write and read every structure.
func TestModels(t *testing.T) {
	folder := os.Getenv(modelsFolder)
	if folder == "" {
		t.Skipf("%s names no folder with the models of services", modelsFolder)
	}
	for name, hints := range map[string]Hints{
		"swf": {},
		"kms": {Patterns: true},
		"stepfunctions": {Patterns: true, FaultNamespace: "com.amazonaws.states#",
			PatternsAs: map[string]string{"AliasPattern": "", "CharacterRestrictedName": `[a-zA-Z0-9_\-\.]*[a-zA-Z_\-\.][a-zA-Z0-9_\-\.]*`},
			Unions:     []Union{{Shape: "HistoryEvent", Type: "type", Suffix: "EventDetails", Shared: []string{"stateEnteredEventDetails", "stateExitedEventDetails"}, Body: "EventBody"}}},
		"dataexchange": {Patterns: true, EnumNames: map[string]string{"Code": "JobErrorCode"}},
		"iam":          {Patterns: true, PatternsAs: map[string]string{"accountAliasType": `[a-z0-9]([a-z0-9]|-[a-z0-9])*`}},
		"sts":          {Patterns: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, err := filepath.Abs(filepath.Join(folder, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			model, err := os.ReadFile(path)
			if err != nil {
				t.Skipf("the folder has no such model: %v", err)
			}
			hints.Package, hints.Registry = "made", true
			files, err := Files(model, &hints)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Files(model, &hints)
			if err != nil || !maps.EqualFunc(files, again, func(a, b []byte) bool { return string(a) == string(b) }) {
				t.Error("the same model gave other files")
			}
			if files["roundtrip_test.go"], err = os.ReadFile("../testdata/roundtrip_test.go.txt"); err != nil {
				t.Fatal(err)
			}
			run(t, "../testdata/made/"+name, files, "MODEL="+path)
		})
	}
}

// run runs the tests of a package whose files are not on the disk.
func run(t *testing.T, dir string, files map[string][]byte, env string) {
	t.Helper()
	temp := t.TempDir()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, src := range files {
		from := filepath.Join(temp, name)
		if err := os.WriteFile(from, src, 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(abs, name)] = from
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(temp, "made.test")
	if out, err := exec.Command("go", "test", "-vet=off", "-c", "-o", binary, "-overlay", list, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.3000s", err, out)
	}
	cmd := exec.Command(binary)
	cmd.Dir, cmd.Env = temp, append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.3000s", err, out)
	}
}
