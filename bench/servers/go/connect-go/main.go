// The peer: Chatter's schema served by connect-go as its documentation shows it. Messages are kept
// in a slice; there is no auth, no limit and no log of calls.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"chatter/bench/servers/chat"
	chatterv1 "chatter/bench/servers/gen"
	"chatter/bench/servers/gen/chatterv1connect"
	healthv1 "chatter/bench/servers/gen/health/v1"
	"chatter/bench/servers/gen/health/v1/healthv1connect"
	"chatter/bench/servers/measured"
)

type service struct {
	chatterv1connect.UnimplementedChatterServiceHandler
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
	_ context.Context, stream chatterv1connect.ChatterServiceListenerServerStream,
) (*chatterv1.ListenerResponse, error) {
	answer := &chatterv1.ListenerResponse{}
	for {
		request, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return answer, nil
		}
		if err != nil {
			return nil, err
		}
		answer.Stored++
		answer.LastSequence = s.room.Store(request.GetMessage()).GetSequence()
	}
}

func (s *service) Subscribe(
	ctx context.Context,
	_ *chatterv1.SubscribeRequest,
	stream chatterv1connect.ChatterServiceSubscribeServerStream,
) error {
	subscription := s.room.Subscribe()
	defer subscription.Close()
	if err := stream.SendHeaders(); err != nil {
		return err
	}
	for {
		select {
		case event := <-subscription.Events:
			if err := stream.Send(event); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type healthService struct {
	healthv1connect.UnimplementedHealthHandler
}

func (*healthService) Check(
	context.Context, *healthv1.HealthCheckRequest,
) (*healthv1.HealthCheckResponse, error) {
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}

func main() {
	services := connect.NewServer()
	chatterv1connect.RegisterChatterServiceHandler(services, &service{room: chat.NewRoom()})
	healthv1connect.RegisterHealthHandler(services, &healthService{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, services)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	listener := measured.Listen()
	go func() { log.Fatal(server.Serve(listener)) }()
	measured.Run(listener.Addr())
}
