// The peer: Chatter's schema served by grpc-go as its documentation shows it. Messages are kept in
// a slice; there is no auth, no limit and no log of calls.
package main

import (
	"context"
	"errors"
	"io"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"chatter/bench/servers/chat"
	chatterv1 "chatter/bench/servers/gen"
	"chatter/bench/servers/measured"
)

type service struct {
	chatterv1.UnimplementedChatterServiceServer
	room *chat.Room
}

func (s *service) Post(
	_ context.Context, request *chatterv1.PostRequest,
) (*chatterv1.PostResponse, error) {
	stored := s.room.Store(request.GetMessage())
	return &chatterv1.PostResponse{
		Sequence: stored.GetSequence(),
		Cursor:   stored.GetCursor(),
		SentAt:   stored.GetSentAt(),
	}, nil
}

func (s *service) Listener(
	stream grpc.ClientStreamingServer[chatterv1.ListenerRequest, chatterv1.ListenerResponse],
) error {
	answer := &chatterv1.ListenerResponse{}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(answer)
		}
		if err != nil {
			return err
		}
		answer.Stored++
		answer.LastSequence = s.room.Store(request.GetMessage()).GetSequence()
	}
}

func (s *service) Subscribe(
	_ *chatterv1.SubscribeRequest, stream grpc.ServerStreamingServer[chatterv1.SubscribeResponse],
) error {
	subscription := s.room.Subscribe()
	defer subscription.Close()
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	for {
		select {
		case event := <-subscription.Events:
			if err := stream.Send(event); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func main() {
	server := grpc.NewServer()
	chatterv1.RegisterChatterServiceServer(server, &service{room: chat.NewRoom()})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener := measured.Listen()
	go func() { log.Fatal(server.Serve(listener)) }()
	measured.Run(listener.Addr())
}
