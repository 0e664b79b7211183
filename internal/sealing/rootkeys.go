package sealing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"heddle/internal/rootkey"
)

// RootKeys says where the root keys are, under which a store is sealed: in one
// place. The zero value is the file RootKeyFile of the data folder.
type RootKeys struct {
	File string      `name:"root-key-file" env:"HEDDLE_ROOT_KEY_FILE" type:"path" placeholder:"FILE" group:"Sealing" help:"File of root keys, under which the store is sealed; the first start makes one. Without it DATA/root.key. Instead of a file, HEDDLE_ROOT_KEY may hold its text."`
	Text string      `kong:"-" secret:"HEDDLE_ROOT_KEY"` // what a file would hold
	KMS  rootkey.KMS `embed:"" prefix:"kms-" envprefix:"HEDDLE_KMS_" group:"Sealing"`
}

// RootKeyFile is where a data folder has its root keys, if nothing else is said.
func RootKeyFile(data string) string { return filepath.Join(data, "root.key") }

// Check refuses more than one place, and keys that can't be read, unless they are
// in a file. It calls nobody.
func (r *RootKeys) Check() error {
	places := 0
	for _, given := range []bool{r.File != "", r.Text != "", len(r.KMS.KeyIDs) > 0} {
		if given {
			places++
		}
	}
	if places > 1 {
		return errors.New("config: root keys are given in more than one place; choose a file, the environment, or a KMS")
	}
	if len(r.KMS.KeyIDs) == 0 && r.KMS.Endpoint != "" {
		return errors.New("config: a KMS endpoint without a key id: give the id of the root key too")
	}
	if len(r.KMS.KeyIDs) > 0 && r.KMS.Endpoint == "" {
		return errors.New("config: a KMS key id without an endpoint: say where the KMS is too")
	}
	if r.InFile("") != "" {
		return nil
	}
	_, err := r.load("", false, nil)
	return err
}

// InFile is the file of the root keys of a data folder; empty: they are elsewhere.
func (r *RootKeys) InFile(data string) string {
	switch {
	case r.Text != "" || len(r.KMS.KeyIDs) > 0:
		return ""
	case r.File != "":
		return r.File
	}
	return RootKeyFile(data)
}

// load gives the root keys. With mayCreate, which is never said of a store that
// has sealed values, a file that is not there is made.
func (r *RootKeys) load(data string, mayCreate bool, log *slog.Logger) (*rootkey.Keys, error) {
	path := r.InFile(data)
	if path == "" && r.Text == "" {
		return rootkey.NewKMS(r.KMS)
	}
	if path == "" {
		keys, err := rootkey.Parse(r.Text)
		if err != nil {
			return nil, fmt.Errorf("read root key from the environment: %w", err)
		}
		return keys, nil
	}
	keys, _, err := readRootKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if !mayCreate {
		return nil, fmt.Errorf("it is sealed, and its root key is not there; put the file back, or say where the key is (--root-key-file, HEDDLE_ROOT_KEY, --kms-key-id): %w", err)
	}
	text, err := rootkey.New(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := rootkey.CreateFile(path, text); err != nil {
		return nil, err
	}
	log.Info("made a root key; keep a copy, nobody can read the store without it", "file", path)
	return rootkey.Parse(text)
}

func readRootKeys(path string) (keys *rootkey.Keys, text string, err error) {
	if text, err = rootkey.ReadFile(path); err != nil {
		return nil, "", err
	}
	if keys, err = rootkey.Parse(text); err != nil {
		return nil, "", fmt.Errorf("read root key %q: %w", path, err)
	}
	return keys, text, nil
}
