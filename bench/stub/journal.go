package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// journalBytes is how long the log is, given room for at once, so that a sync
// moves no end of file. When it is full it begins anew.
const journalBytes = 1 << 30

// journal is a log with group commit: while one batch is synced, the next one
// gathers.
type journal struct {
	file   *os.File
	offset int64
	wanted chan struct{} // the batch has a first record

	mu    sync.Mutex
	batch *batch
}

type batch struct {
	records []byte
	synced  chan struct{}
}

func openJournal(path string) (*journal, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Fallocate(int(file.Fd()), 0, 0, journalBytes); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	return &journal{file: file, wanted: make(chan struct{}, 1), batch: &batch{synced: make(chan struct{})}}, nil
}

// commit returns when the record is synced.
func (j *journal) commit(what string, body []byte) {
	j.mu.Lock()
	b := j.batch
	if len(b.records) == 0 {
		j.wanted <- struct{}{}
	}
	b.records = binary.AppendUvarint(b.records, uint64(len(what)+len(body)))
	b.records = append(b.records, what...)
	b.records = append(b.records, body...)
	j.mu.Unlock()
	<-b.synced
}

// run writes and syncs batches. What cannot be made durable ends the program.
func (j *journal) run() {
	for range j.wanted {
		j.mu.Lock()
		b := j.batch
		j.batch = &batch{synced: make(chan struct{})}
		j.mu.Unlock()
		if j.offset+int64(len(b.records)) > journalBytes {
			j.offset = 0
		}
		if err := j.write(b.records); err != nil {
			fmt.Fprintln(os.Stderr, "stub: write log:", err)
			os.Exit(1)
		}
		close(b.synced)
	}
}

func (j *journal) write(records []byte) error {
	n, err := j.file.WriteAt(records, j.offset)
	j.offset += int64(n)
	if err != nil {
		return err
	}
	return syscall.Fdatasync(int(j.file.Fd()))
}
