// Package chat is the part of a server that does not depend on how it is reached: messages in a
// slice, and a channel for each subscriber. Nothing is stored.
package chat

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	chatterv1 "chatter/bench/servers/gen"
)

// waiting is how many events may wait for a subscriber before posts wait for it.
const waiting = 256

// Room has the messages and those who wait for the next ones.
type Room struct {
	mutex       sync.Mutex
	stored      []*chatterv1.HistoryResponse
	subscribers map[*Subscription]struct{}
}

// Subscription receives each event from the moment it was opened.
type Subscription struct {
	Events <-chan *chatterv1.SubscribeResponse
	events chan<- *chatterv1.SubscribeResponse
	closed chan struct{}
	room   *Room
}

// NewRoom makes an empty room.
func NewRoom() *Room {
	return &Room{subscribers: map[*Subscription]struct{}{}}
}

// Store keeps a message and passes it on.
func (room *Room) Store(message string) *chatterv1.HistoryResponse {
	room.mutex.Lock()
	defer room.mutex.Unlock()
	sequence := uint64(len(room.stored) + 1)
	entry := &chatterv1.HistoryResponse{
		Message:  message,
		Length:   uint32(len(message)),
		SentAt:   timestamppb.Now(),
		Sequence: sequence,
		Sender:   "goa",
		Cursor:   fmt.Sprintf("%016d", sequence),
	}
	room.stored = append(room.stored, entry)
	if len(room.subscribers) > 0 {
		event := &chatterv1.SubscribeResponse{
			Message:  message,
			Action:   "added",
			AddedAt:  entry.SentAt,
			Sequence: sequence,
			Sender:   entry.Sender,
			Cursor:   entry.Cursor,
		}
		for subscriber := range room.subscribers {
			select {
			case subscriber.events <- event:
			case <-subscriber.closed:
			}
		}
	}
	return entry
}

// Subscribe opens a subscription; Close ends it.
func (room *Room) Subscribe() *Subscription {
	events := make(chan *chatterv1.SubscribeResponse, waiting)
	subscription := &Subscription{events, events, make(chan struct{}), room}
	room.mutex.Lock()
	defer room.mutex.Unlock()
	room.subscribers[subscription] = struct{}{}
	return subscription
}

// Close ends the subscription.
func (subscription *Subscription) Close() {
	close(subscription.closed)
	subscription.room.mutex.Lock()
	defer subscription.room.mutex.Unlock()
	delete(subscription.room.subscribers, subscription)
}
