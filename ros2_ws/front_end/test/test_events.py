"""Event handlers, timers and requests to processes."""


def test_starts_and_exits_trigger_actions_in_order(launch):
    run = launch(
        """
        first,
        RegisterEventHandler(OnProcessStart(target_action=first, on_start=[say("started")])),
        RegisterEventHandler(OnProcessExit(target_action=first, on_exit=[say("exited"), second])),
        RegisterEventHandler(OnProcessExit(
            target_action=second,
            on_exit=lambda event, context: say(event.process_name, " gave ", str(event.returncode)),
        )),
        RegisterEventHandler(OnProcessExit(target_action=lambda action: action is second,
                                           on_exit=[say("matched")])),
        """,
        before="""
        first = python("print('one')", name="first")
        second = python("raise SystemExit(7)", name="second")
        """,
    )
    assert run.wait() == 0
    assert run.said()[:2] == ["started", "exited"]
    assert sorted(run.said()[2:]) == ["matched", "second-2 gave 7"]


def test_shutdown_handlers_run_once_however_often_it_is_asked_for(launch):
    run = launch(
        """
        RegisterEventHandler(OnShutdown(on_shutdown=lambda event, _: [say("bye ", event.reason)])),
        say("mark"),
        Shutdown(reason="first"),
        EmitEvent(event=launch.events.Shutdown(reason="second")),
        """,
        before="import launch.events",
    )
    assert run.wait() == 0
    assert run.said() == ["mark", "bye first"]


def test_timers_wait_and_a_shutdown_cancels_them(launch):
    run = launch(
        """
        TimerAction(period=600.0, actions=[say("never")]),
        TimerAction(period=0.02, actions=[
            say("later"), TimerAction(period=LaunchConfiguration("wait"), actions=[Shutdown()])]),
        say("now"),
        """,
        "wait:=0.01",
    )
    assert run.wait() == 0
    assert run.said() == ["now", "later"]


def test_a_cancelled_timer_does_nothing(launch):
    run = launch(
        "timer, OpaqueFunction(function=lambda context: timer.cancel()),",
        before='timer = TimerAction(period=600.0, actions=[say("never")])',
    )
    assert run.wait() == 0
    assert run.said() == []


def test_processes_can_be_signalled_and_shut_down_by_events(launch, tmp_path):
    up = [str(tmp_path / name) for name in ("signalled", "stopped")]
    waiting = (
        "import pathlib, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); "
        f"pathlib.Path({up[0]!r}).touch(); signal.sigwait([signal.SIGUSR1]); print('got it')"
    )
    sleeping = f"import pathlib, time; pathlib.Path({up[1]!r}).touch(); time.sleep(600)"
    run = launch(
        """
        signalled,
        stopped,
        once_up(0, SignalProcess(signal_number=signal.SIGUSR1,
                                 process_matcher=matches_action(signalled))),
        once_up(1, ShutdownProcess(process_matcher=matches_action(stopped))),
        """,
        before=f"""
        signalled = python({waiting!r}, name="signalled")
        stopped = python({sleeping!r}, name="stopped")

        def once_up(number, request):
            wait = f"until test -e {{({up!r})[number]}}; do sleep 0.05; done"
            return ExecuteProcess(cmd=["sh", "-c", wait], on_exit=[EmitEvent(event=request)])
        """,
    )
    assert run.wait() == 0
    assert "got it" in run.printed()
    assert "[INFO] [stopped-2]: sending signal 'SIGINT' to process[stopped-2]" in run.lines


def test_an_event_nobody_handles_is_dropped(launch):
    run = launch(
        "EmitEvent(event=SignalProcess(signal_number='SIGINT', process_matcher=lambda _: True)),"
    )
    assert run.wait() == 0


def test_an_error_in_a_handler_shuts_everything_down(launch):
    run = launch(
        """
        python("import time; time.sleep(600)"),
        python("print(1)", on_exit=lambda event, context: 1 / 0),
        """
    )
    assert run.wait() == 1
    assert "division by zero" in run.text
