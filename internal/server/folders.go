package server

import (
	"errors"
	"fmt"
	"path/filepath"

	"heddle/internal/sealing"
	"heddle/internal/secretfile"
)

// folders are the data folder and those in it, which may lie elsewhere by a link.
func (c *Config) folders() []string {
	return []string{c.Data, sealing.StoreDir(c.Data), sealing.TrailDir(c.Data), BlobDir(c.Data), spoolDir(c.Data), caDir(c.Data)}
}

// keepsFiles tells whether the server has anything in its data folder.
func (c *Config) keepsFiles() bool {
	return c.Store != StoreMemory || c.Auth == AuthSigV4 && !c.rootGiven() || c.TLS.SelfSigned || c.Audit.Files == AuditFile
}

// checkFolders refuses a data folder that others have a hand in.
func (c *Config) checkFolders() error {
	if !c.keepsFiles() {
		return nil
	}
	for _, dir := range c.folders() {
		found, err := secretfile.CheckFolder(dir)
		if err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
		if found.Link != "" {
			c.Log.Warn("the data folder, or a part of it, is a symbolic link", "link", dir, "folder", found.Link)
		}
		if found.Narrowed {
			c.Log.Info("the data folder was open to others, and is now for its owner only", "folder", dir)
		}
	}
	return nil
}

// tidyFolders removes what killed writers of secrets have left.
func (c *Config) tidyFolders() error {
	if !c.keepsFiles() {
		return nil
	}
	var err error
	for _, dir := range []string{c.Data, sealing.TrailDir(c.Data), caDir(c.Data)} {
		err = errors.Join(err, secretfile.Tidy(dir, ""))
	}
	if file := c.RootKeys.File; file != "" {
		err = errors.Join(err, secretfile.Tidy(filepath.Dir(file), filepath.Base(file)))
	}
	if err != nil {
		return fmt.Errorf("remove what a killed process has left: %w", err)
	}
	return nil
}
