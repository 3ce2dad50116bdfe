"""UCF-101's 101 classes in their five groups of actions (Soomro et al. 2012), by which the paper's Table 4 is made.

The report (CRCV-TR-12-01, figure 2) tells the group of a class by the colour of its frame, not in words. The lists
below follow two public transcriptions of it that agree in every class; they were not read off the figure again.
"""

from __future__ import annotations

ACTION_GROUPS = {
    "Human-Object Interaction": (
        "ApplyEyeMakeup", "ApplyLipstick", "BlowDryHair", "BrushingTeeth", "CuttingInKitchen", "Hammering", "HulaHoop",
        "JugglingBalls", "JumpRope", "Knitting", "Mixing", "MoppingFloor", "Nunchucks", "PizzaTossing", "ShavingBeard",
        "SkateBoarding", "SoccerJuggling", "Typing", "WritingOnBoard", "YoYo",
    ),
    "Body-Motion Only": (
        "BabyCrawling", "BlowingCandles", "BodyWeightSquats", "HandstandPushups", "HandstandWalking", "JumpingJack",
        "Lunges", "PullUps", "PushUps", "RockClimbingIndoor", "RopeClimbing", "Swing", "TaiChi", "TrampolineJumping",
        "WalkingWithDog", "WallPushups",
    ),
    "Human-Human Interaction": ("BandMarching", "Haircut", "HeadMassage", "MilitaryParade", "SalsaSpin"),
    "Playing Musical Instruments": (
        "Drumming", "PlayingCello", "PlayingDaf", "PlayingDhol", "PlayingFlute", "PlayingGuitar", "PlayingPiano",
        "PlayingSitar", "PlayingTabla", "PlayingViolin",
    ),
    "Sports": (
        "Archery", "BalanceBeam", "BaseballPitch", "Basketball", "BasketballDunk", "BenchPress", "Biking", "Billiards",
        "Bowling", "BoxingPunchingBag", "BoxingSpeedBag", "BreastStroke", "CleanAndJerk", "CliffDiving",
        "CricketBowling", "CricketShot", "Diving", "Fencing", "FieldHockeyPenalty", "FloorGymnastics", "FrisbeeCatch",
        "FrontCrawl", "GolfSwing", "HammerThrow", "HighJump", "HorseRace", "HorseRiding", "IceDancing", "JavelinThrow",
        "Kayaking", "LongJump", "ParallelBars", "PoleVault", "PommelHorse", "Punch", "Rafting", "Rowing", "Shotput",
        "Skiing", "Skijet", "SkyDiving", "SoccerPenalty", "StillRings", "SumoWrestling", "Surfing", "TableTennisShot",
        "TennisSwing", "ThrowDiscus", "UnevenBars", "VolleyballSpiking",
    ),
}  # fmt: skip

_GROUP = {name.casefold(): group for group, names in ACTION_GROUPS.items() for name in names}


def action_group(class_name: str) -> str | None:
    """Return the group of a class of UCF-101, or `None` for a name that is none of the 101.

    Capitals do not count: copies of the data set disagree about `HandStandPushups` and `HandstandPushups`.

    Example:
        >>> action_group("Archery")
        'Sports'
    """
    return _GROUP.get(class_name.casefold())
