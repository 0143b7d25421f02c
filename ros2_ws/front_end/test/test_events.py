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


def test_output_can_be_watched(launch):
    run = launch(
        """
        process,
        RegisterEventHandler(OnProcessIO(
            target_action=process,
            on_stdout=lambda event: say("ready") if b"up" in event.text else None,
            on_stderr=lambda event: say("complaint ", str(event.from_stderr)),
        )),
        """,
        before="process = python(\"import sys; print('up'); print('no', file=sys.stderr)\")",
    )
    assert run.wait() == 0
    assert set(run.said()) == {"complaint True", "ready"}  # output arrives in pieces


def test_shutdown_handlers_run_once_however_often_it_is_asked_for(launch):
    run = launch(
        """
        RegisterEventHandler(OnShutdown(on_shutdown=lambda event, _: [say("bye ", event.reason)])),
        RegisterEventHandler(OnExecutionComplete(target_action=mark, on_completion=[say("done")])),
        mark,
        Shutdown(reason="first"),
        EmitEvent(event=launch.events.Shutdown(reason="second")),
        """,
        before="""
        import launch.events
        mark = say("mark")
        """,
    )
    assert run.wait() == 0
    assert run.said() == ["mark", "done", "bye first"]


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


def test_processes_can_be_signalled_and_shut_down_by_events(launch):
    waiting = (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); print('up'); "
        "signal.sigwait([signal.SIGUSR1]); print('got it')"
    )
    run = launch(
        f"""
        python({waiting!r}, name="signalled"),
        python("import time; print('up'); time.sleep(600)", name="stopped"),
        RegisterEventHandler(OnProcessIO(on_stdout=react)),
        """,
        before="""
        def react(event):
            if b"up" not in event.text:
                return None
            if event.process_name == "signalled-1":
                request = SignalProcess(signal_number=signal.SIGUSR1,
                                        process_matcher=matches_name("signalled-1"))
            else:
                request = ShutdownProcess(process_matcher=matches_name("stopped-2"))
            return EmitEvent(event=request)
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


def test_matchers_know_name_program_and_process_id(launch):
    run = launch(
        "process, RegisterEventHandler(OnProcessStart(on_start=check)),",
        before="""
        from launch.events.process import matches_executable, matches_pid
        process = ExecuteProcess(cmd=["/bin/echo", "1"], name="process")

        def check(event, context):
            matchers = [matches_name("process-1"), matches_name("process"), matches_pid(event.pid),
                        matches_pid(1), matches_executable("echo"), matches_executable("cat")]
            return [say(*(str(matcher(process)) + " " for matcher in matchers))]
        """,
    )
    assert run.wait() == 0
    assert run.said() == ["True False True False True False "]


def test_a_handler_can_be_removed(launch):
    run = launch(
        "RegisterEventHandler(handler), UnregisterEventHandler(handler), python('print(1)'),",
        before='handler = OnProcessExit(on_exit=[say("exited")])',
    )
    assert run.wait() == 0
    assert run.said() == []


def test_an_error_in_a_handler_shuts_everything_down(launch):
    run = launch(
        """
        python("import time; time.sleep(600)"),
        python("print(1)", on_exit=lambda event, context: 1 / 0),
        """
    )
    assert run.wait() == 1
    assert "division by zero" in run.text
