package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"heddle/internal/aws/credentials"
	"heddle/internal/secretfile"
	"heddle/internal/store"
)

// sharedPairsName is the row that has the file of the root key pairs, for all nodes.
const sharedPairsName = "cluster/credentials"

// replacedSuffix is what the name of a file has behind it that another one took the place of.
const replacedSuffix = ".replaced"

// sharesPairs tells whether the root key pairs are those of a cluster: they are in its database,
// and each node's file is made from that.
func (c *Config) sharesPairs() bool {
	return c.Cluster.on() && c.Auth != AuthNone && c.Root.File == "" && !c.rootGiven()
}

// openSharedPairs has the file in the data folder be that of the cluster. The first node makes it, and
// who knows another account adds to it.
func (s *Server) openSharedPairs(ctx context.Context) error {
	if !s.cfg.sharesPairs() {
		return nil
	}
	meta, file := s.store.Meta(), s.cfg.RootFile()
	for {
		row, err := meta.Get(ctx, sharedPairsName)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("root key pairs of the cluster: %w", err)
		}
		if row != nil {
			if err := s.takePairs(file, row); err != nil {
				return err
			}
		}
		if _, err := makeRootPairs(&s.cfg); err != nil {
			return err
		}
		text, err := secretfile.Read(file)
		if err != nil {
			return fmt.Errorf("root key pairs: %w", err)
		}
		if row == nil || !bytes.Equal(row, text) {
			if err := meta.CompareAndSet(ctx, sharedPairsName, row, text); errors.Is(err, store.ErrConflict) {
				continue
			} else if err != nil {
				return fmt.Errorf("root key pairs of the cluster: %w", err)
			}
		}
		s.sharedPairs = text
		return nil
	}
}

// takePairs writes the cluster's file in the place of one that differs, which is kept beside it.
func (s *Server) takePairs(file string, row []byte) error {
	text, err := secretfile.Read(file)
	switch {
	case err == nil && bytes.Equal(text, row):
		return nil
	case err == nil:
		s.cfg.Log.Warn("the root key pairs in the data folder are not those of the cluster, which take their place", "file", file, "before", file+replacedSuffix)
		err = secretfile.Replace(file+replacedSuffix, text)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err == nil {
		err = secretfile.Replace(file, row)
	}
	if err != nil {
		return fmt.Errorf("root key pairs of the cluster: %w", err)
	}
	return nil
}

// followSharedPairs brings what was changed in this node's file to the others, and what they have
// changed to the file. A file that can't be read, or is of no use, goes nowhere.
func (s *Server) followSharedPairs(ctx context.Context) error {
	if !s.cfg.sharesPairs() {
		return nil
	}
	meta, file := s.store.Meta(), s.cfg.RootFile()
	row, err := meta.Get(ctx, sharedPairsName)
	if err != nil {
		return fmt.Errorf("root key pairs of the cluster: %w", err)
	}
	if !bytes.Equal(row, s.sharedPairs) {
		if err := s.takePairs(file, row); err != nil {
			return err
		}
		s.sharedPairs = row
		return nil
	}
	text, err := secretfile.Read(file)
	if err != nil || bytes.Equal(text, row) {
		return nil // whoever reads the pairs says what is wrong
	}
	if _, err := credentials.Load(file, s.cfg.accounts()); err != nil {
		return nil
	}
	if err := meta.CompareAndSet(ctx, sharedPairsName, row, text); err != nil {
		return fmt.Errorf("root key pairs of the cluster: %w", err)
	}
	s.sharedPairs = text
	return nil
}
