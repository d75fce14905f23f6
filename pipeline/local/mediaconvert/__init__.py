"""MediaConvert for the laptop: the service's REST API over ffmpeg. It knows MediaConvert's JSON and nothing of ours."""
